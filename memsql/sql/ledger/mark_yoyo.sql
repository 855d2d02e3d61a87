-- Mark a migration as applied for yoyo: ?1 hash of its id, ?2 id, ?3 time (UTC).
INSERT OR REPLACE INTO "_yoyo_migration" (migration_hash, migration_id, applied_at_utc) VALUES (?, ?, ?)
