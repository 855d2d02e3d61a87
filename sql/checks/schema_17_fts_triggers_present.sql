-- name: FTS triggers present
-- severity: error
-- why: Three triggers each keep memories_fts and entities_fts in step with their tables.

WITH expected (name, table_name) AS (
    VALUES
    ('memories_fts_insert', 'memories'),
    ('memories_fts_delete', 'memories'),
    ('memories_fts_update', 'memories'),
    ('entities_fts_insert', 'entities'),
    ('entities_fts_delete', 'entities'),
    ('entities_fts_update', 'entities')
)

SELECT 'trigger ' || expected.name || ' on ' || expected.table_name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM sqlite_schema AS found
    WHERE found.type = 'trigger' AND found.name = expected.name AND found.tbl_name = expected.table_name
);
