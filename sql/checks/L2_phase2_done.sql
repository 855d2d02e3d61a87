-- name: phase 2 done
-- severity: error
-- why: Phase 2 moves the API keys and their index to users.api_key_hash.

SELECT 'column users.api_key_hash is missing' AS message
WHERE NOT EXISTS (SELECT 1 FROM PRAGMA_TABLE_INFO('users') WHERE name = 'api_key_hash')
UNION ALL
SELECT 'index idx_users_api_key_hash is missing'
WHERE NOT EXISTS (SELECT 1 FROM PRAGMA_INDEX_INFO('idx_users_api_key_hash') WHERE name = 'api_key_hash')
UNION ALL
SELECT 'index ' || name || ' is still there'
FROM sqlite_schema
WHERE type = 'index' AND name = 'idx_users_api_key';
