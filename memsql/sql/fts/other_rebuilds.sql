-- How many online rebuilds are under way of indexes other than ?1.
SELECT count(*) FROM memsql_fts_rebuild WHERE name <> ?
