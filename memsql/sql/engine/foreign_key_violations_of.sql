-- Verification: how many rows of table ?1 refer to rows that do not exist, by parent table.
SELECT parent, count(*) FROM pragma_foreign_key_check(?) GROUP BY parent ORDER BY parent
