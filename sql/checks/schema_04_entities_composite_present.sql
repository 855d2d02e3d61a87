-- name: composite entities indexes present
-- severity: error
-- why: Entities by type and by importance are looked up within one user.

WITH expected (name) AS (
    VALUES
    ('idx_entities_user_type'),
    ('idx_entities_user_importance')
)

SELECT 'index ' || expected.name || ' is missing' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_schema AS found WHERE found.type = 'index' AND found.name = expected.name
);
