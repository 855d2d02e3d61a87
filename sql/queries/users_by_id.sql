-- name: user by id
-- why: Every request starts with it.
-- param: user_id = SELECT id FROM users LIMIT 1
-- plan: no-scan, no-sort

SELECT id, email, name, organization, is_active, metadata
FROM users
WHERE id = :user_id;
