-- name: entities by full text, best first
-- why: Search over names, descriptions, notes and tags.
-- param: user_id = SELECT user_id FROM entities GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: match = SELECT '"' || REPLACE(name, '"', '') || '"' FROM entities WHERE user_id = :user_id LIMIT 1
-- param: limit = 20
-- plan: no-scan, no-sort

SELECT entities.id, entities.name, entities.entity_type, entities_fts.rank
FROM entities_fts
INNER JOIN entities ON entities_fts.rowid = entities.id
WHERE entities_fts MATCH :match AND entities.user_id = :user_id
ORDER BY entities_fts.rank
LIMIT :limit;
