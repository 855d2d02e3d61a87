-- name: rows of a user go with the user
-- severity: error
-- why: Four tables promise that deleting a user leaves nothing of the user behind.

WITH expected (table_name) AS (
    VALUES
    ('entities'),
    ('memories'),
    ('interactions'),
    ('api_usage_tracking')
)

SELECT expected.table_name || '.user_id does not refer to users with ON DELETE CASCADE' AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM PRAGMA_FOREIGN_KEY_LIST(expected.table_name) AS found
    WHERE found."from" = 'user_id' AND found."table" = 'users' AND found.on_delete = 'CASCADE'
);
