-- The indexes whose online rebuild was begun and not ended.
SELECT name FROM memsql_fts_rebuild ORDER BY name
