-- A row where there is a table sqlite_stat4, which SQLite makes only where it was built to read it.
SELECT 1 FROM sqlite_schema
WHERE name = 'sqlite_stat4'
