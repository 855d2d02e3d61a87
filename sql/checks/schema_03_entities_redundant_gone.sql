-- name: redundant entities indexes gone
-- severity: error
-- why: Every query names the user, so one-column indexes only slow down writes.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE
    type = 'index'
    AND name IN (
        'idx_entities_user_id',
        'idx_entities_type',
        'idx_entities_name',
        'idx_entities_importance'
    );
