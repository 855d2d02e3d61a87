-- name: the five core tables present
-- severity: error
-- why: The application does not start without them.

WITH expected (name) AS (
    VALUES
    ('users'),
    ('entities'),
    ('memories'),
    ('interactions'),
    ('api_usage_tracking')
)

SELECT 'table ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'table' AND found.name = expected.name
);
