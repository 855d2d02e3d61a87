-- Every view with its text.
SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name
