-- name: entities of a user by type
-- why: The list filtered to people, organisations or places.
-- param: user_id = 'user-0001'
-- param: entity_type = 'person'
-- plan: no-scan, uses idx_entities_user_type

SELECT id, name, entity_type, description, importance, created_at
FROM entities
WHERE user_id = :user_id AND entity_type = :entity_type;
