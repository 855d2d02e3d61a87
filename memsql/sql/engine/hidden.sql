-- Isolation: the tables and views of the database that a TEMP object of the same name hides.
SELECT main.name
FROM sqlite_schema AS main
JOIN sqlite_temp_schema AS hiding ON hiding.name = main.name COLLATE NOCASE
WHERE main.type IN ('table', 'view') AND hiding.type IN ('table', 'view') AND main.name NOT LIKE 'sqlite\_%' ESCAPE '\'
