-- What kind of table each is. Not known to SQLite before 3.37.
SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'
