-- How many rows of one table refer to rows of another that do not exist.
SELECT count(*) FROM pragma_foreign_key_check(?) WHERE parent = ? COLLATE NOCASE
