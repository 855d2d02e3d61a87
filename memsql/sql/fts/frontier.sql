-- How far a rebuild has come.
SELECT frontier FROM memsql_fts_rebuild WHERE name = ?
