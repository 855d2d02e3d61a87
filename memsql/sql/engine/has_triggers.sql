-- Is there a trigger? A row if so.
SELECT 1 FROM sqlite_schema WHERE type = 'trigger' LIMIT 1
