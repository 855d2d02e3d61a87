-- A rebuild begins with nothing copied.
INSERT INTO memsql_fts_rebuild (fts_table, last_rowid, rows_done, rows_total, definition, source, started_at)
VALUES (?, NULL, 0, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
