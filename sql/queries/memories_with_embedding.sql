-- name: memories that have an embedding
-- why: Progress of the embedding job over all users. It reads the whole table, so no plan is promised.

SELECT COUNT(*) AS total
FROM memories
WHERE embedding IS NOT NULL;
