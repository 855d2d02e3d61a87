-- name: memories of a user, counted by type
-- why: The numbers beside the filters.
-- param: user_id = SELECT user_id FROM memories GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- plan: no-scan, no-sort, uses idx_memories_user_type

SELECT memory_type, COUNT(*) AS total
FROM memories
WHERE user_id = :user_id
GROUP BY memory_type;
