-- name: indexes of the baseline present
-- severity: error
-- why: Without them the hot queries scan whole tables.

WITH expected (name) AS (
    VALUES
    ('idx_users_email'),
    ('idx_users_api_key_hash'),
    ('idx_entities_user_type'),
    ('idx_entities_user_importance'),
    ('idx_memories_user_type'),
    ('idx_memories_user_importance'),
    ('idx_memories_user_archived'),
    ('idx_memories_created'),
    ('idx_interactions_user_date'),
    ('idx_usage_user_provider_date')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
