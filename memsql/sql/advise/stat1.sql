-- What ANALYZE found out of tables and indexes.
SELECT tbl, idx, stat FROM sqlite_stat1
