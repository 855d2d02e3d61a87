-- The columns that store values; generated ones are computed again.
SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0
