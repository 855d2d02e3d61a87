-- name: triggers of the baseline present
-- severity: error
-- why: A row written without its trigger is never found by a search.

WITH expected (name) AS (
    VALUES
    ('memories_fts_insert'),
    ('memories_fts_delete'),
    ('memories_fts_update'),
    ('entities_fts_insert'),
    ('entities_fts_delete'),
    ('entities_fts_update')
)

SELECT 'trigger ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'trigger' AND found.name = expected.name
);
