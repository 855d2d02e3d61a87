-- Loss guard: every virtual table and its CREATE statement.
SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual%'
