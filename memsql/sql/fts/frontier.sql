-- How far the online rebuild of index ?1 has come, and whether a copied row was replaced since.
SELECT frontier, replaced FROM memsql_fts_rebuild WHERE name = ?
