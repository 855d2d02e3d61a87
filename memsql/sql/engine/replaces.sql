-- Does a constraint or a trigger replace rows, which deletes them silently? A row if there may be one.
SELECT 1 FROM sqlite_schema
WHERE sql LIKE '%conflict%replace%' OR (type = 'trigger' AND (sql LIKE '%or%replace%' OR sql LIKE '%replace%into%'))
LIMIT 1
