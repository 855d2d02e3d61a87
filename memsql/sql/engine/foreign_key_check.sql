-- Loss guard: how many rows of table ?1 refer to rows of table ?2 that do not exist.
SELECT count(*) FROM pragma_foreign_key_check(?) WHERE parent = ? COLLATE NOCASE
