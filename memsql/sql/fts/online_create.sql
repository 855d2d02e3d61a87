-- Online rebuilds on their way, one row each. Rows of the content table up to last_rowid are in the new index;
-- definition and source are the CREATE texts of the index and of its content when it began.
CREATE TABLE IF NOT EXISTS memsql_fts_rebuild (
    fts_table TEXT PRIMARY KEY,
    last_rowid INTEGER,
    rows_done INTEGER NOT NULL,
    rows_total INTEGER NOT NULL,
    definition TEXT NOT NULL,
    source TEXT NOT NULL,
    started_at TEXT NOT NULL
)
