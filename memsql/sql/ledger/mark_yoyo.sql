-- Applied, in yoyo's eyes.
INSERT OR REPLACE INTO "_yoyo_migration" (migration_hash, migration_id, applied_at_utc) VALUES (?, ?, ?)
