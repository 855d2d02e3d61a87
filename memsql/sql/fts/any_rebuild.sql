-- Is any rebuild on its way?
SELECT 1 FROM memsql_fts_rebuild LIMIT 1
