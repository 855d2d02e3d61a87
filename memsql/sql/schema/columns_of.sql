-- The columns of table or view ?2; ?1 is the name to show.
SELECT ? AS table_name, name, type, "notnull", dflt_value, pk, hidden
FROM pragma_table_xinfo(?, 'main')
ORDER BY cid
