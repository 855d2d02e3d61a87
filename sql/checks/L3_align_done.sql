-- name: align done
-- severity: error
-- why: After align nothing of the baseline differs. The checks of 0001 prove the rest.

SELECT 'index ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE type = 'index' AND name IN ('idx_memories_importance', 'idx_usage_user_date')
UNION ALL
SELECT 'index idx_memories_created is not descending'
WHERE NOT EXISTS (
    SELECT 1
    FROM PRAGMA_INDEX_XINFO('idx_memories_created')
    WHERE seqno = 0 AND name = 'created_at' AND "desc" = 1
);
