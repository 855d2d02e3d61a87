-- name: memories are kept and found by their words
-- why: Keeping memories and finding them again is what the service is for.
-- needs: 0003

INSERT INTO memories (user_id, title, content, memory_type, importance, tags, metadata, created_at, updated_at)
VALUES
(
    'memsql-smoke', 'Flight', 'The zeppelinsmoke leaves at noon', 'fact', 3, 'travel', '{"topic": "smoke"}',
    '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'
),
(
    'memsql-smoke', 'Lunch', 'Bread and cheese', 'note', 1, 'zeppelinsmoke food', NULL,
    '2026-01-02T00:00:00.000Z', '2026-01-02T00:00:00.000Z'
),
(
    'memsql-smoke', 'Old', 'Nothing of interest', 'note', 1, NULL, NULL,
    '2026-01-03T00:00:00.000Z', '2026-01-03T00:00:00.000Z'
);

UPDATE memories SET is_archived = 1
WHERE user_id = 'memsql-smoke' AND title = 'Old';

WITH listed AS (
    SELECT title FROM memories
    WHERE user_id = 'memsql-smoke' AND is_archived = 0
    ORDER BY created_at DESC
    LIMIT 20
),

joined (line) AS (
    SELECT COALESCE(GROUP_CONCAT(title), 'none')
    FROM listed
)

SELECT 'active and newest first are ' || line || ', not Lunch,Flight' AS problem
FROM joined
WHERE line <> 'Lunch,Flight';

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM memories
    WHERE user_id = 'memsql-smoke' AND JSON_EXTRACT(metadata, '$.topic') = 'smoke'
)

SELECT 'the topic in the metadata finds ' || total || ' memories instead of 1' AS problem
FROM counted
WHERE total <> 1;

-- Full text: one memory has the word in its content, one in its tags.
WITH counted (total) AS (
    SELECT COUNT(*)
    FROM memories_fts
    INNER JOIN memories ON memories_fts.rowid = memories.id
    WHERE memories_fts MATCH 'zeppelinsmoke' AND memories.user_id = 'memsql-smoke'
)

SELECT 'full text finds ' || total || ' memories with the word instead of 2' AS problem
FROM counted
WHERE total <> 2;

-- What is written anew is found by its new words only, and what is deleted not at all.
UPDATE memories SET content = 'The airshipsmoke leaves at noon'
WHERE user_id = 'memsql-smoke' AND title = 'Flight';

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM memories_fts
    INNER JOIN memories ON memories_fts.rowid = memories.id
    WHERE memories_fts MATCH 'airshipsmoke' AND memories.user_id = 'memsql-smoke'
)

SELECT 'full text finds ' || total || ' memories with the new word of an edited one instead of 1' AS problem
FROM counted
WHERE total <> 1;

DELETE FROM memories
WHERE user_id = 'memsql-smoke' AND title = 'Lunch';

SELECT 'full text still finds the memory ' || memories_fts.rowid || ', whose words are gone' AS problem
FROM memories_fts
WHERE memories_fts MATCH 'zeppelinsmoke';
