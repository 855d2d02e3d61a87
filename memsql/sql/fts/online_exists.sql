-- Was an online rebuild begun and not ended?
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memsql_fts_rebuild'
