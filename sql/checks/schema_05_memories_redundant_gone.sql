-- name: redundant memories indexes gone
-- severity: error
-- why: Every query names the user, so one-column indexes only slow down writes.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE
    type = 'index'
    AND name IN (
        'idx_memories_user_id',
        'idx_memories_type',
        'idx_memories_archived',
        'idx_memories_importance'
    );
