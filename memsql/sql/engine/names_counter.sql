-- Does a trigger, a view or a default value ask for the counters of the connection? A row if one may.
SELECT 1 FROM sqlite_schema
WHERE sql LIKE '%changes%' OR sql LIKE '%last_insert_rowid%'
LIMIT 1
