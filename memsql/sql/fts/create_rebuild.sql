-- The online rebuilds under way: rows up to frontier are copied; replaced = 1 means that one was replaced since.
CREATE TABLE IF NOT EXISTS memsql_fts_rebuild (
    name TEXT PRIMARY KEY,
    new_name TEXT NOT NULL,
    frontier INTEGER,
    replaced INTEGER NOT NULL DEFAULT 0,
    started_at TEXT NOT NULL
)
