-- Optimize: the statistics of tables and indexes.
SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx
