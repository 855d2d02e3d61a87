-- How far each rebuild has come.
SELECT fts_table, last_rowid, rows_done, rows_total, definition, source, started_at FROM memsql_fts_rebuild
ORDER BY fts_table
