-- Is a foreign key checked at COMMIT only (DEFERRABLE INITIALLY DEFERRED)? A row if there may be one.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%deferr%' LIMIT 1
