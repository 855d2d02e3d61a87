-- How far a rebuild has come.
SELECT frontier, replaced FROM memsql_fts_rebuild WHERE name = ?
