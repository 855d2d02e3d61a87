-- Orphans: the first page of each table and index, and the table to which it belongs.
SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0
