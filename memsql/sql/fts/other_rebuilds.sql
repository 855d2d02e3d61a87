-- Is any other rebuild on its way?
SELECT count(*) FROM memsql_fts_rebuild WHERE name <> ?
