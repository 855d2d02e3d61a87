-- name: JSON columns hold JSON
-- severity: error
-- why: One malformed value makes every query that reads the column as JSON fail.

SELECT 'memories ' || id || ' has malformed JSON in entity_ids' AS message
FROM memories
WHERE entity_ids IS NOT NULL AND NOT JSON_VALID(entity_ids)
UNION ALL
SELECT 'memories ' || id || ' has malformed JSON in embedding'
FROM memories
WHERE embedding IS NOT NULL AND NOT JSON_VALID(embedding)
UNION ALL
SELECT 'memories ' || id || ' has malformed JSON in metadata'
FROM memories
WHERE metadata IS NOT NULL AND NOT JSON_VALID(metadata);
