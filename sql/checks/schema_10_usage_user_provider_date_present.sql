-- name: idx_usage_user_provider_date present
-- severity: error
-- why: Costs are summed for one user, by provider and date.

WITH expected (name) AS (
    VALUES
    ('idx_usage_user_provider_date')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
