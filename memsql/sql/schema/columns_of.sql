-- The columns of one table or view.
SELECT ? AS table_name, name, type, "notnull", dflt_value, pk, hidden
FROM pragma_table_xinfo(?, 'main')
ORDER BY cid
