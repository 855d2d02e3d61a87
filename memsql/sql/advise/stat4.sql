-- The samples that ANALYZE took of indexes.
SELECT tbl, idx, neq, nlt, ndlt, sample FROM sqlite_stat4
