-- Who applied what through yoyo, the latest last.
SELECT migration_id, username, hostname FROM "_yoyo_log"
WHERE operation IN ('apply', 'mark')
ORDER BY created_at_utc
