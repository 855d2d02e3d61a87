-- Is an online rebuild of any index under way? A row if so.
SELECT 1 FROM memsql_fts_rebuild LIMIT 1
