-- A rebuild begins, or begins again, with nothing copied.
INSERT OR REPLACE INTO memsql_fts_rebuild (name, new_name, frontier, started_at) VALUES (?, ?, NULL, ?)
