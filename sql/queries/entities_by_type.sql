-- name: entities of a user by type
-- why: The list filtered to people, organisations or places.
-- param: user_id = SELECT user_id FROM entities GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: entity_type = SELECT entity_type FROM entities WHERE user_id = :user_id LIMIT 1
-- plan: no-scan, uses idx_entities_user_type

SELECT id, name, entity_type, description, importance, created_at
FROM entities
WHERE user_id = :user_id AND entity_type = :entity_type;
