-- Isolation: the TEMP objects of this connection; virtual tables before their shadows, what is on tables before tables.
SELECT type, name
FROM sqlite_temp_schema
WHERE type <> 'index' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY type = 'table', sql NOT LIKE 'CREATE VIRTUAL%'
