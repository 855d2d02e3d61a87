-- name: a user goes, and everything of his with him
-- why: Who asks to be forgotten must be forgotten, also by the full-text indexes.
-- needs: 0003

INSERT INTO interactions (user_id, user_prompt, assistant_response, created_at, updated_at)
VALUES ('memsql-smoke', 'Who is Ada?', 'An engineer', '2026-01-05T00:00:00.000Z', '2026-01-05T00:00:00.000Z');

DELETE FROM users
WHERE id = 'memsql-smoke';

WITH kept (place) AS (
    SELECT 'entities' FROM entities
    WHERE user_id = 'memsql-smoke'
    UNION ALL
    SELECT 'memories' FROM memories
    WHERE user_id = 'memsql-smoke'
    UNION ALL
    SELECT 'interactions' FROM interactions
    WHERE user_id = 'memsql-smoke'
    UNION ALL
    SELECT 'api_usage_tracking' FROM api_usage_tracking
    WHERE user_id = 'memsql-smoke'
    UNION ALL
    SELECT 'memories_fts' FROM memories_fts
    WHERE memories_fts MATCH 'airshipsmoke'
    UNION ALL
    SELECT 'entities_fts' FROM entities_fts
    WHERE entities_fts MATCH 'airshipsmoke'
)

SELECT place || ' keeps ' || COUNT(*) || ' rows of a user who is gone' AS problem
FROM kept
GROUP BY place;
