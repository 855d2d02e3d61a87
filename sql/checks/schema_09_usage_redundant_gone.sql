-- name: redundant usage indexes gone
-- severity: error
-- why: idx_usage_user_provider_date answers what all of them answered.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE
    type = 'index'
    AND name IN (
        'idx_usage_date',
        'idx_usage_provider_date',
        'idx_usage_user_date'
    );
