-- The columns of table ?1, generated ones too: name, type, place in the primary key.
SELECT name, type, pk FROM pragma_table_xinfo(?)
ORDER BY cid
