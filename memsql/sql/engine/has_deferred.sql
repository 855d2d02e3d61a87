-- Is there a foreign key that is checked at COMMIT only?
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%deferr%' LIMIT 1
