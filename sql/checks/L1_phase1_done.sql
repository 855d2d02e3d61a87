-- name: phase 1 done
-- severity: error
-- why: Phase 1 retires learned_patterns and thirteen redundant indexes and adds three composite ones.

WITH retired (name) AS (
    VALUES
    ('learned_patterns'),
    ('idx_patterns_user_id'),
    ('idx_patterns_type'),
    ('idx_entities_user_id'),
    ('idx_entities_type'),
    ('idx_entities_name'),
    ('idx_entities_importance'),
    ('idx_memories_user_id'),
    ('idx_memories_type'),
    ('idx_memories_archived'),
    ('idx_interactions_user_id'),
    ('idx_interactions_created'),
    ('idx_usage_date'),
    ('idx_usage_provider_date')
),

added (name, table_name) AS (
    VALUES
    ('idx_memories_user_archived', 'memories'),
    ('idx_interactions_user_date', 'interactions'),
    ('idx_usage_user_provider_date', 'api_usage_tracking')
)

SELECT found.type || ' ' || found.name || ' is still there' AS message
FROM sqlite_schema AS found
INNER JOIN retired ON found.name = retired.name
UNION ALL
SELECT 'index ' || added.name || ' is missing'
FROM added
WHERE
    EXISTS (SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'table' AND found.name = added.table_name)
    AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = added.name);
