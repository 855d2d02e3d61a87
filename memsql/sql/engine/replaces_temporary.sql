-- Does a constraint or a trigger that is temporary replace rows? A row if there may be one.
SELECT 1 FROM sqlite_temp_schema
WHERE sql LIKE '%conflict%replace%' OR (type = 'trigger' AND (sql LIKE '%or%replace%' OR sql LIKE '%replace%into%'))
LIMIT 1
