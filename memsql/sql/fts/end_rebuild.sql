-- End the online rebuild of index ?1.
DELETE FROM memsql_fts_rebuild WHERE name = ?
