-- Is there any trigger at all?
SELECT 1 FROM sqlite_schema WHERE type = 'trigger' LIMIT 1
