-- Online rebuilds on their way: everything up to the frontier is in the new index; replaced says that a row was
-- replaced behind the triggers' back, so that it is no longer right.
CREATE TABLE IF NOT EXISTS memsql_fts_rebuild (
    name TEXT PRIMARY KEY,
    new_name TEXT NOT NULL,
    frontier INTEGER,
    replaced INTEGER NOT NULL DEFAULT 0,
    started_at TEXT NOT NULL
)
