-- Was an online rebuild ever begun and not ended? A row if so.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memsql_fts_rebuild'
