-- name: FTS tables present
-- severity: error
-- why: Search over memories and entities reads them.

WITH expected (name) AS (
    VALUES
    ('memories_fts'),
    ('entities_fts')
)

SELECT 'FTS5 table ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM sqlite_schema AS found
    WHERE
        found.type = 'table'
        AND found.name = expected.name
        AND found.sql LIKE 'CREATE VIRTUAL TABLE%USING%fts5%'
);
