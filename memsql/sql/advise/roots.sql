-- The page at which each index begins, and its table.
SELECT name, tbl_name, rootpage FROM sqlite_schema
WHERE type = 'index'
