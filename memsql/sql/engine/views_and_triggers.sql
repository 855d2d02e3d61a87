-- The views and triggers, as they are stored.
SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')
