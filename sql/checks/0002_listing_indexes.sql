-- name: indexes for listing newest first
-- severity: error
-- why: Entities newest first and memories last updated first are sorted on every call without them.

WITH expected (index_name, seqno, column_name, descending) AS (
    VALUES
    ('idx_entities_user_created', 0, 'user_id', 0),
    ('idx_entities_user_created', 1, 'created_at', 1),
    ('idx_memories_user_updated', 0, 'user_id', 0),
    ('idx_memories_user_updated', 1, 'updated_at', 1)
)

SELECT
    'index ' || expected.index_name || ' lacks column ' || expected.column_name
    || CASE expected.descending WHEN 1 THEN ' DESC' ELSE '' END
    || ' in place ' || (expected.seqno + 1) AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM PRAGMA_INDEX_XINFO(expected.index_name) AS found
    WHERE
        found.seqno = expected.seqno
        AND found.name = expected.column_name
        AND found."desc" = expected.descending
);
