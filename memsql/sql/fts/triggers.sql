-- Every trigger with the table it is on, the oldest first.
SELECT name, tbl_name, sql FROM sqlite_schema
WHERE type = 'trigger'
ORDER BY rowid
