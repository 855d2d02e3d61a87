-- Does the history exist? A row if so.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memsql_history'
