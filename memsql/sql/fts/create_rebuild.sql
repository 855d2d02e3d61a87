-- Online rebuilds on their way: everything up to the frontier is in the new index.
CREATE TABLE IF NOT EXISTS memsql_fts_rebuild (
    name TEXT PRIMARY KEY,
    new_name TEXT NOT NULL,
    frontier INTEGER,
    started_at TEXT NOT NULL
)
