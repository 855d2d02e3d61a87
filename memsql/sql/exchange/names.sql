-- The name of every object.
SELECT name FROM sqlite_schema
