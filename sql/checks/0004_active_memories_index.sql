-- name: active memories have their own index
-- severity: error
-- why: Without it the list of active memories, newest first, reads the archived ones too and sorts them all.

WITH expected (seqno, column_name, descending) AS (
    VALUES
    (0, 'user_id', 0),
    (1, 'created_at', 1)
)

SELECT 'index idx_memories_active lacks column ' || expected.column_name AS message
FROM expected
WHERE
    NOT EXISTS (
        SELECT 1
        FROM PRAGMA_INDEX_XINFO('idx_memories_active') AS found
        WHERE
            found.seqno = expected.seqno
            AND found.name = expected.column_name
            AND found."desc" = expected.descending
    )
UNION ALL
SELECT 'index idx_memories_active is not limited to is_archived = 0'
WHERE NOT EXISTS (
    SELECT 1
    FROM sqlite_schema
    WHERE type = 'index' AND name = 'idx_memories_active' AND sql LIKE '% WHERE is_archived = 0%'
);
