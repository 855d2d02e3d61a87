-- name: idx_users_api_key_hash present
-- severity: error
-- why: Every request looks a user up by the hash of the key.

WITH expected (name) AS (
    VALUES
    ('idx_users_api_key_hash')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
