-- name: entities of a user, newest first
-- why: The entity list, promised 2 to 3 times faster by 0002.
-- param: user_id = SELECT user_id FROM entities GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: limit = 20
-- plan: no-scan, no-sort, uses idx_entities_user_created

SELECT id, name, entity_type, description, importance, tags, created_at
FROM entities
WHERE user_id = :user_id
ORDER BY created_at DESC
LIMIT :limit;
