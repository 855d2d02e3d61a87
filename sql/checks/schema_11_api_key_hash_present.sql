-- name: users.api_key_hash present
-- severity: error
-- why: The application looks a user up by the hash of the key.

SELECT 'column users.api_key_hash is missing' AS message
WHERE NOT EXISTS (SELECT 1 FROM PRAGMA_TABLE_INFO('users') WHERE name = 'api_key_hash');
