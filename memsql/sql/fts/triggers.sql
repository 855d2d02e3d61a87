-- Every trigger with its table and its text, the oldest first.
SELECT name, tbl_name, sql FROM sqlite_schema
WHERE type = 'trigger'
ORDER BY rowid
