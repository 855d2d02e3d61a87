-- Foreign text: enter the virtual table ?1, which the statement ?2 creates, beside its shadow tables.
INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
VALUES ('table', ?1, ?1, 0, ?2)
