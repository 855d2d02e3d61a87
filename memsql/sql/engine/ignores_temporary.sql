-- Does a constraint or a trigger that is temporary ignore rows? A row if there may be one.
SELECT 1 FROM sqlite_temp_schema
WHERE sql LIKE '%ignore%'
LIMIT 1
