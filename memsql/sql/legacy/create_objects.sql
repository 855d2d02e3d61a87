-- What existed before each legacy upgrade, so that its rollback restores exactly that.
CREATE TABLE IF NOT EXISTS memsql_legacy_objects (
    phase TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    tbl_name TEXT NOT NULL,
    sql TEXT
)
