-- Begin an online rebuild, or begin it again, with nothing copied: ?1 index, ?2 new index, ?3 time (UTC).
INSERT OR REPLACE INTO memsql_fts_rebuild (name, new_name, frontier, started_at) VALUES (?, ?, NULL, ?)
