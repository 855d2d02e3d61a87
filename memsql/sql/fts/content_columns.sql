-- The columns of a content table (generated ones too): name, type, place in the primary key.
SELECT name, type, pk FROM pragma_table_xinfo(?)
ORDER BY cid
