-- bench.embeddings: the ?2 rows of vectors whose JSON arrays have the largest dot product with the JSON array ?1.
WITH wanted (place, number) AS MATERIALIZED (
    SELECT
        key,
        value
    FROM JSON_EACH(?1)
)

SELECT vectors.id
FROM vectors
ORDER BY (
    SELECT SUM(kept.value * wanted.number)
    FROM JSON_EACH(vectors.embedding) AS kept
    -- Otherwise SQLite may read the array of a row once for each number of the query.
    CROSS JOIN wanted ON kept.key = wanted.place
) DESC
LIMIT ?2
