-- name: FTS triggers remove the old tokens
-- severity: error
-- why: A delete by rowid leaves the old tokens behind, and the next search that hits them fails.

WITH expected (name) AS (
    VALUES
    ('memories_fts_delete'),
    ('memories_fts_update'),
    ('entities_fts_delete'),
    ('entities_fts_update')
)

SELECT 'trigger ' || expected.name || ' does not hand the old values to the ''delete'' command' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM sqlite_schema AS found
    WHERE
        found.type = 'trigger'
        AND found.name = expected.name
        AND REPLACE(REPLACE(REPLACE(LOWER(found.sql), ' ', ''), CHAR(10), ''), CHAR(13), '')
        LIKE '%values(''delete'',old.id,old.%'
);
