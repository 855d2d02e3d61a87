-- A rebuild is over.
DELETE FROM memsql_fts_rebuild WHERE name = ?
