-- 1 where table ?1 is a WITHOUT ROWID table, 0 where not.
SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'
