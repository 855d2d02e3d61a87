-- Mark a migration as not applied for yoyo: ?1 hash of its id.
DELETE FROM "_yoyo_migration" WHERE migration_hash = ?
