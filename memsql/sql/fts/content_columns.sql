-- The columns of the table that an index is over.
SELECT name, type, pk FROM pragma_table_xinfo(?)
