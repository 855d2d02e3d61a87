-- Every object with its text, in the order in which they were made.
SELECT type, name, tbl_name, sql FROM sqlite_schema
ORDER BY rowid
