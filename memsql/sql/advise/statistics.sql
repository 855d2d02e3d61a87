-- What ANALYZE found; fails where it never ran.
SELECT tbl, idx, stat FROM sqlite_stat1 WHERE stat IS NOT NULL
