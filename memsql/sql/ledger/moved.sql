-- A line that changes whenever somebody else writes the ledger or the schema.
SELECT
    (SELECT count(*) FROM "_yoyo_migration"),
    (SELECT max(rowid) FROM "_yoyo_log"),
    (SELECT max(id) FROM memsql_history),
    (SELECT count(*) FROM sqlite_schema WHERE name = 'yoyo_lock')
