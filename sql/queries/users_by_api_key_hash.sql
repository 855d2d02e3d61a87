-- name: user by API key
-- why: Every request that carries a key.
-- param: api_key_hash = SELECT api_key_hash FROM users WHERE api_key_hash IS NOT NULL LIMIT 1
-- plan: no-scan, no-sort, uses idx_users_api_key_hash

SELECT id, email, name, is_active
FROM users
WHERE api_key_hash = :api_key_hash;
