-- Four numbers, of which one changes whenever another process writes the ledger or takes yoyo's lock.
SELECT
    (SELECT count(*) FROM "_yoyo_migration"),
    (SELECT max(rowid) FROM "_yoyo_log"),
    (SELECT max(id) FROM memsql_history),
    (SELECT count(*) FROM sqlite_schema WHERE name = 'yoyo_lock')
