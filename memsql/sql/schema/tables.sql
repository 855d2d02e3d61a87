-- Of which kind each table is: table, virtual, shadow or view; WITHOUT ROWID; STRICT. SQLite 3.37 or later.
SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'
