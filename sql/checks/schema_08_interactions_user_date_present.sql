-- name: idx_interactions_user_date present
-- severity: error
-- why: The history of a user is read by day.

WITH expected (name) AS (
    VALUES
    ('idx_interactions_user_date')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
