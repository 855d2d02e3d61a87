-- name: composite memories indexes present
-- severity: error
-- why: Memories by type, importance and archive state are looked up within one user.

WITH expected (name) AS (
    VALUES
    ('idx_memories_user_type'),
    ('idx_memories_user_importance'),
    ('idx_memories_user_archived')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
