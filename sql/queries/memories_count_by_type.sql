-- name: memories of a user, counted by type
-- why: The numbers beside the filters.
-- param: user_id = 'user-0001'
-- plan: no-scan, no-sort, uses idx_memories_user_type

SELECT memory_type, COUNT(*) AS total
FROM memories
WHERE user_id = :user_id
GROUP BY memory_type;
