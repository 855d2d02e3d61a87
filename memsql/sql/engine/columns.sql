-- The columns of table ?1 that store a value, in order; generated columns do not.
SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0
