-- A rebuild begins with nothing copied.
INSERT INTO memsql_fts_rebuild (name, new_name, frontier, started_at) VALUES (?, ?, NULL, ?)
