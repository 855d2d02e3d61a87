-- Does a constraint or a trigger ignore rows, so that an INSERT inserts nothing? A row if there may be one.
SELECT 1 FROM sqlite_schema
WHERE sql LIKE '%ignore%'
LIMIT 1
