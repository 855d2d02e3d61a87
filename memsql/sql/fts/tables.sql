-- Every FTS5 table with its text.
SELECT name, sql FROM sqlite_schema
WHERE type = 'table' AND sql LIKE 'create virtual table%fts5%'
ORDER BY name
