-- The history: one row for each attempt, never changed: what was done to this database, when and by whom.
CREATE TABLE memsql_history (
    id INTEGER PRIMARY KEY,
    version INTEGER,
    migration_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TEXT NOT NULL,
    duration_ms INTEGER,
    performed_by TEXT,
    checksum TEXT,
    statements_done INTEGER,
    message TEXT,
    tool TEXT,
    up_hash TEXT,
    rollback_hash TEXT
)
