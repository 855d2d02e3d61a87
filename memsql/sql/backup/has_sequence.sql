-- Whether a table of the salvaged database uses AUTOINCREMENT.
SELECT 1 FROM main.sqlite_schema
WHERE name = 'sqlite_sequence'
