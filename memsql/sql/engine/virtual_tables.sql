-- Every virtual table.
SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual%'
