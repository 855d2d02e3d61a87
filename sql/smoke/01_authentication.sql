-- name: a user logs in by API key
-- why: Every request that carries a key looks its hash up. Without it nobody gets in.
-- needs: 0001

INSERT INTO users (id, email, name, api_key_hash, is_active, created_at, updated_at)
VALUES (
    'memsql-smoke', 'smoke@memsql.invalid', 'Smoke Test', 'memsql-smoke-hash', 1,
    '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'
);

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM users
    WHERE api_key_hash = 'memsql-smoke-hash' AND is_active = 1
)

SELECT 'the hash of the key finds ' || total || ' active users instead of 1' AS problem
FROM counted
WHERE total <> 1;

SELECT 'the hash of the key finds the user ' || id AS problem
FROM users
WHERE api_key_hash = 'memsql-smoke-hash' AND id <> 'memsql-smoke';

SELECT 'a wrong key lets the user ' || id || ' in' AS problem
FROM users
WHERE api_key_hash = 'memsql-smoke-hash-of-another-key';

-- The e-mail address belongs to one user. A second one is left out, so that the step goes on.
INSERT OR IGNORE INTO users (id, email, created_at, updated_at)
VALUES ('memsql-smoke-2', 'smoke@memsql.invalid', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z');

SELECT 'two users have the same e-mail address' AS problem
FROM users
WHERE id = 'memsql-smoke-2';

-- A key that is withdrawn.
UPDATE users SET is_active = 0
WHERE id = 'memsql-smoke';

SELECT 'a user who is not active gets in' AS problem
FROM users
WHERE api_key_hash = 'memsql-smoke-hash' AND is_active = 1;

UPDATE users SET is_active = 1
WHERE id = 'memsql-smoke';
