-- The columns of table or view ?1 of schema ?2; hidden is 1 for one of a virtual table, 2 and 3 for a generated one.
SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?1, ?2) ORDER BY cid
