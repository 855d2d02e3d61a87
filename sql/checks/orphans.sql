-- name: every row has its user
-- severity: warning
-- why: Older releases wrote with foreign keys off. The rows are kept, but no user reaches them.

WITH owned (table_name, user_id) AS (
    SELECT 'entities', user_id FROM entities
    UNION ALL
    SELECT 'memories', user_id FROM memories
    UNION ALL
    SELECT 'interactions', user_id FROM interactions
    UNION ALL
    SELECT 'api_usage_tracking', user_id FROM api_usage_tracking
)

SELECT table_name || ' has ' || COUNT(*) || ' row(s) of user ' || user_id || ', who does not exist' AS message
FROM owned
WHERE user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = owned.user_id)
GROUP BY table_name, user_id;
