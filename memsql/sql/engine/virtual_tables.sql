-- Loss guard: every virtual table, and the shadow tables that SQLite knows of.
SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow')
