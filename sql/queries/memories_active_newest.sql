-- name: active memories of a user, newest first
-- why: The start page, the reason for 0004.
-- param: user_id = SELECT user_id FROM memories WHERE is_archived = 0 GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: limit = 20
-- plan: no-scan, no-sort, uses idx_memories_active

SELECT id, title, content, memory_type, importance, tags, created_at
FROM memories
WHERE user_id = :user_id AND is_archived = 0
ORDER BY created_at DESC
LIMIT :limit;
