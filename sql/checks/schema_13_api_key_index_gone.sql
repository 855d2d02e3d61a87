-- name: idx_users_api_key gone
-- severity: error
-- why: Nothing looks a user up by the old column.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE type = 'index' AND name = 'idx_users_api_key';
