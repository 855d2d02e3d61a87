-- What was there before each legacy upgrade, so that its rollback can restore exactly that.
CREATE TABLE IF NOT EXISTS memsql_legacy_objects (
    phase TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    tbl_name TEXT NOT NULL,
    sql TEXT
)
