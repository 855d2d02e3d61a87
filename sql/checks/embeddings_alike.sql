-- name: embeddings of one length
-- severity: warning
-- why: A vector search compares lists of numbers of one length; another one is skipped, or ends the search with an error.
-- timeout: 1m

WITH lengths AS (
    SELECT
        id,
        CASE
            WHEN JSON_VALID(embedding) AND JSON_TYPE(embedding) = 'array' THEN JSON_ARRAY_LENGTH(embedding)
        END AS numbers
    FROM memories
    WHERE embedding IS NOT NULL
),

usual AS (
    SELECT numbers
    FROM lengths
    WHERE numbers > 0
    GROUP BY numbers
    ORDER BY COUNT(*) DESC, numbers DESC
    LIMIT 1
),

unlike AS (
    SELECT
        COUNT(*) AS embeddings,
        MIN(id) AS first_id
    FROM lengths
    WHERE COALESCE(numbers, -1) <> COALESCE((SELECT numbers FROM usual), -2)
)

SELECT
    embeddings || ' of ' || (SELECT COUNT(embedding) FROM memories) || ' embeddings of memories are no JSON array'
    || COALESCE(' of ' || (SELECT numbers FROM usual) || ' numbers, the usual length', '')
    || '; the first is that of memory ' || first_id AS message
FROM unlike
WHERE embeddings > 0;
