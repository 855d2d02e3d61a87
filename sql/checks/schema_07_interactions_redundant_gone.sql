-- name: redundant interactions indexes gone
-- severity: error
-- why: idx_interactions_user_date answers what both of them answered.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE
    type = 'index'
    AND name IN (
        'idx_interactions_user_id',
        'idx_interactions_created'
    );
