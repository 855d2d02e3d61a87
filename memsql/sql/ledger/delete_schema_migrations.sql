-- Remove version ?1 from the ledger, after its file was given up for good.
DELETE FROM schema_migrations WHERE version = ?
