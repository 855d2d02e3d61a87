-- The columns of table or view ?1 of schema ?2: name, declared type, NOT NULL, place in the primary key, hidden (1: of a
-- virtual table, 2 and 3: generated), DEFAULT.
SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?1, ?2) ORDER BY cid
