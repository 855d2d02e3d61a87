-- The objects of a damaged database, in the order of their creation, as far as they can be read.
SELECT type, name, tbl_name, sql FROM damaged.sqlite_schema
WHERE sql IS NOT NULL
