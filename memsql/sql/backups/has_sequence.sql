-- Salvage: does a table use AUTOINCREMENT? A row if so.
SELECT 1 FROM main.sqlite_schema
WHERE name = 'sqlite_sequence'
