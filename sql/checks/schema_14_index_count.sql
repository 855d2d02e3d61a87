-- name: index count within 10 to 15
-- severity: warning
-- why: Fewer means a missing one, more slows every write. It costs speed, not data.

WITH counted (total) AS (
    SELECT COUNT(*)
    FROM sqlite_schema
    WHERE
        type = 'index'
        AND sql IS NOT NULL
        AND tbl_name NOT LIKE 'memsql\_%' ESCAPE '\'
        AND tbl_name NOT LIKE '\_yoyo\_%' ESCAPE '\'
        AND tbl_name NOT IN ('yoyo_lock', 'schema_migrations')
)

SELECT 'there are ' || total || ' indexes, expected 10 to 15' AS message
FROM counted
WHERE total NOT BETWEEN 10 AND 15;
