-- Add a line to yoyo's log.
INSERT INTO "_yoyo_log" (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
