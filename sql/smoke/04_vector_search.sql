-- name: the nearest memories are found by their embeddings
-- why: Questions are answered with the memories whose embeddings are nearest by cosine.
-- needs: 0001

-- Four embeddings of 1536 numbers. That of angle N turns by N of four steps from the first base vector to the second:
-- the even places hold 1 - N/4, the odd ones N/4, so the nearest to angle 0 are 0, 1, 2, 3, in this order.
WITH RECURSIVE places (place) AS (
    SELECT 0
    UNION ALL
    SELECT place + 1 FROM places
    WHERE place < 1535
),

angles (angle) AS (
    VALUES (3), (1), (0), (2)
)

INSERT INTO memories (user_id, title, content, memory_type, embedding, created_at, updated_at)
SELECT
    'memsql-smoke' AS user_id,
    'Angle ' || angles.angle AS title,
    'An embedding' AS content,
    'vector' AS memory_type,
    (
        SELECT JSON_GROUP_ARRAY(CASE places.place % 2 WHEN 0 THEN 1 - angles.angle / 4.0 ELSE angles.angle / 4.0 END)
        FROM places
    ) AS embedding,
    '2026-01-04T00:00:00.000Z' AS created_at,
    '2026-01-04T00:00:00.000Z' AS updated_at
FROM angles;

SELECT title || ' keeps ' || JSON_ARRAY_LENGTH(embedding) || ' numbers instead of 1536' AS problem
FROM memories
WHERE user_id = 'memsql-smoke' AND memory_type = 'vector' AND JSON_ARRAY_LENGTH(embedding) <> 1536;

-- The three nearest to angle 0. The cosine is dot / SQRT(norm * norm), and not every SQLite has SQRT; its square with
-- the sign of dot has the same order.
WITH wanted AS MATERIALIZED (
    SELECT
        places.fullkey AS place,
        places.value AS number
    FROM memories
    CROSS JOIN JSON_EACH(memories.embedding) AS places
    WHERE memories.user_id = 'memsql-smoke' AND memories.title = 'Angle 0'
),

products AS (
    SELECT
        memories.title,
        SUM(kept.value * wanted.number) AS dot,
        SUM(kept.value * kept.value) AS kept_norm,
        SUM(wanted.number * wanted.number) AS wanted_norm
    FROM memories
    CROSS JOIN JSON_EACH(memories.embedding) AS kept
    INNER JOIN wanted ON kept.fullkey = wanted.place
    WHERE memories.user_id = 'memsql-smoke' AND memories.embedding IS NOT NULL AND memories.is_archived = 0
    GROUP BY memories.id
),

nearest AS (
    SELECT title FROM products
    ORDER BY dot * ABS(dot) / (kept_norm * wanted_norm) DESC
    LIMIT 3
),

joined (line) AS (
    SELECT COALESCE(GROUP_CONCAT(title), 'none')
    FROM nearest
)

SELECT 'the three nearest are ' || line || ', not Angle 0,Angle 1,Angle 2' AS problem
FROM joined
WHERE line <> 'Angle 0,Angle 1,Angle 2';
