-- Is there a table of attempts?
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memsql_history'
