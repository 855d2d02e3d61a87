-- Every object with its text; automatic indexes have none.
SELECT type, name, tbl_name, sql FROM sqlite_schema
ORDER BY type, name
