-- A rebuild is over, or given up.
DELETE FROM memsql_fts_rebuild WHERE fts_table = ?
