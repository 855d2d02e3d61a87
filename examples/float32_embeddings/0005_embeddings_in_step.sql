-- name: embeddings have their 32-bit numbers
-- severity: warning
-- why: A search by distance does not see a memory without them.
-- needs: 0005

WITH waiting (memories) AS (
    SELECT COUNT(*)
    FROM memories
    WHERE embedding IS NOT NULL AND id NOT IN (SELECT memory_id FROM memory_embeddings)
)

SELECT 'embeddings without 32-bit numbers, which fill.py makes: ' || memories AS message
FROM waiting
WHERE memories > 0;
