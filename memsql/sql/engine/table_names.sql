-- Permits: the name of every table, virtual ones too.
SELECT name FROM sqlite_schema WHERE type = 'table'
