-- migrate.history: what yoyo's own log has, the newest first; ?1 is the most rows, -1 for all.
SELECT
    created_at_utc, operation, 'ok', NULL, migration_id, username || '@' || hostname, NULL, NULL, comment, 'yoyo',
    count(*) OVER ()
FROM "_yoyo_log"
ORDER BY created_at_utc DESC, rowid DESC
LIMIT ?
