-- Indexes and triggers on a table that somebody named.
SELECT type, name FROM sqlite_schema
WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND tbl_name = ? COLLATE NOCASE
