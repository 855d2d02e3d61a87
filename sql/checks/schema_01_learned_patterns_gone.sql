-- name: learned_patterns gone
-- severity: error
-- why: Nothing ever read it. Rows it held are in learned_patterns_retired.

SELECT 'table ' || name || ' is still there' AS message
FROM sqlite_schema
WHERE type = 'table' AND name = 'learned_patterns';
