-- name: indexes of learned_patterns gone
-- severity: error
-- why: They index a table that nothing reads.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE
    type = 'index'
    AND name IN (
        'idx_patterns_user_id',
        'idx_patterns_type'
    );
