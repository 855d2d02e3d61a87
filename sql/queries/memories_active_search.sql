-- name: active memories of a user by text or topic
-- why: Memory search, promised 2 to 3 times faster by 0002.
-- param: user_id = SELECT user_id FROM memories WHERE is_archived = 0 GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: pattern = SELECT '%' || title || '%' FROM memories WHERE user_id = :user_id AND is_archived = 0 LIMIT 1
-- param: topic = 'work'
-- param: limit = 20
-- plan: no-scan, no-sort, uses idx_memories_user_updated

SELECT id, title, content, memory_type, importance, updated_at
FROM memories
WHERE
    user_id = :user_id
    AND is_archived = 0
    AND (
        title LIKE :pattern
        OR content LIKE :pattern
        OR JSON_EXTRACT(metadata, '$.topic') = :topic
    )
ORDER BY updated_at DESC
LIMIT :limit;
