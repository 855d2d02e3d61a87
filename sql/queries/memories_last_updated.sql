-- name: memories of a user by text, last updated first
-- why: Search that looks into the archive too, the other reason for 0002.
-- param: user_id = SELECT user_id FROM memories GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: pattern = SELECT '%' || title || '%' FROM memories WHERE user_id = :user_id LIMIT 1
-- param: limit = 20
-- plan: no-scan, no-sort, uses idx_memories_user_updated

SELECT id, title, content, memory_type, is_archived, updated_at
FROM memories
WHERE user_id = :user_id AND (title LIKE :pattern OR content LIKE :pattern)
ORDER BY updated_at DESC
LIMIT :limit;
