-- Every virtual table, and what SQLite itself knows to be a shadow of one.
SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow')
