-- The scripts without a version that ran here, each as it ran last.
SELECT h.migration_id, h.operation, h.checksum, h.message, h.started_at, h.performed_by, h.duration_ms
FROM memsql_history AS h
WHERE h.id IN (
    SELECT max(i.id) FROM memsql_history AS i
    WHERE i.operation IN ('repeat', 'seed') AND i.status = 'ok'
    GROUP BY i.operation, i.migration_id
)
