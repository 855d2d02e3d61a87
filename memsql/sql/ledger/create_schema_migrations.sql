-- The ledger: one row for each version, with its state in this database.
CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    applied_at TEXT NOT NULL,
    applied_by TEXT,
    duration_ms INTEGER,
    checksum TEXT,
    status TEXT NOT NULL
)
