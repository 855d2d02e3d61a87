-- name: primary keys without NULL
-- severity: error
-- why: SQLite lets a TEXT primary key be NULL, and nothing can address a row without a key.

WITH counted (table_name, total) AS (
    SELECT 'users', COUNT(*) FROM users WHERE id IS NULL
    UNION ALL
    SELECT 'api_usage_tracking', COUNT(*) FROM api_usage_tracking WHERE id IS NULL
)

SELECT table_name || ' has ' || total || ' row(s) whose id is NULL' AS message
FROM counted
WHERE total > 0;
