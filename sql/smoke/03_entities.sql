-- name: entities are added, changed, linked and found
-- why: People and organisations are what memories are about.
-- needs: 0003

INSERT INTO entities (user_id, name, entity_type, person_type, description, importance, tags, created_at, updated_at)
VALUES
(
    'memsql-smoke', 'Ada Smoke', 'person', 'colleague', 'Builds zeppelinsmoke engines', 3, 'engine',
    '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'
),
(
    'memsql-smoke', 'Smoke Works', 'organization', NULL, 'Employer of Ada', 2, NULL,
    '2026-01-02T00:00:00.000Z', '2026-01-02T00:00:00.000Z'
);

WITH listed AS (
    SELECT name FROM entities
    WHERE user_id = 'memsql-smoke'
    ORDER BY created_at DESC
    LIMIT 20
),

joined (line) AS (
    SELECT COALESCE(GROUP_CONCAT(name), 'none')
    FROM listed
)

SELECT 'newest first are ' || line || ', not Smoke Works,Ada Smoke' AS problem
FROM joined
WHERE line <> 'Smoke Works,Ada Smoke';

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM entities
    WHERE user_id = 'memsql-smoke' AND entity_type = 'person'
)

SELECT 'the user has ' || total || ' people instead of 1' AS problem
FROM counted
WHERE total <> 1;

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM entities_fts
    INNER JOIN entities ON entities_fts.rowid = entities.id
    WHERE entities_fts MATCH 'zeppelinsmoke' AND entities.user_id = 'memsql-smoke'
)

SELECT 'full text finds ' || total || ' entities with the word instead of 1' AS problem
FROM counted
WHERE total <> 1;

UPDATE entities
SET
    description = 'Builds airshipsmoke engines',
    interaction_count = interaction_count + 1,
    last_interaction = '2026-01-03T00:00:00.000Z'
WHERE user_id = 'memsql-smoke' AND name = 'Ada Smoke';

SELECT 'an interaction was not counted' AS problem
WHERE
    NOT EXISTS (
        SELECT 1 FROM entities
        WHERE user_id = 'memsql-smoke' AND name = 'Ada Smoke' AND interaction_count = 1
    );

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM entities_fts
    INNER JOIN entities ON entities_fts.rowid = entities.id
    WHERE entities_fts MATCH 'airshipsmoke' AND entities.user_id = 'memsql-smoke'
)

SELECT 'full text finds ' || total || ' entities with the new word of an edited one instead of 1' AS problem
FROM counted
WHERE total <> 1;

SELECT 'full text still finds the entity ' || entities_fts.rowid || ' by a word that it no longer has' AS problem
FROM entities_fts
WHERE entities_fts MATCH 'zeppelinsmoke';

-- A memory names its entities in a JSON list.
INSERT INTO memories (user_id, title, content, memory_type, entity_ids, created_at, updated_at)
SELECT
    'memsql-smoke' AS user_id,
    'Met Ada' AS title,
    'At the works' AS content,
    'note' AS memory_type,
    JSON_ARRAY(id) AS entity_ids,
    '2026-01-03T00:00:00.000Z' AS created_at,
    '2026-01-03T00:00:00.000Z' AS updated_at
FROM entities
WHERE user_id = 'memsql-smoke' AND name = 'Ada Smoke';

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM memories
    CROSS JOIN JSON_EACH(memories.entity_ids) AS listed
    INNER JOIN entities ON listed.value = entities.id
    WHERE memories.user_id = 'memsql-smoke' AND memories.title = 'Met Ada' AND entities.name = 'Ada Smoke'
)

SELECT 'the memory of Ada leads to ' || total || ' entities instead of 1' AS problem
FROM counted
WHERE total <> 1;
