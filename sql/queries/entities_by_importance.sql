-- name: entities by importance, then newest
-- why: The digest of who matters. The index gives the importance, only ties are sorted.
-- param: user_id = SELECT user_id FROM entities GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: limit = 20
-- plan: no-scan, uses idx_entities_user_importance

SELECT id, name, entity_type, importance, created_at
FROM entities
WHERE user_id = :user_id
ORDER BY importance DESC, created_at DESC
LIMIT :limit;
