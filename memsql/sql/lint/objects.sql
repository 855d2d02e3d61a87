-- Every object with its text, the oldest first; automatic indexes have none.
SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema
ORDER BY rowid
