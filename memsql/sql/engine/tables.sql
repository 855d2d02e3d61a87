-- Every table, virtual and internal ones too.
SELECT name FROM sqlite_schema WHERE type = 'table'
