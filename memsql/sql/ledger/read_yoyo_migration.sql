-- What yoyo takes for applied.
SELECT migration_id, applied_at_utc FROM "_yoyo_migration" ORDER BY applied_at_utc, migration_id
