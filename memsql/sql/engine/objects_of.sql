-- Loss guard: the named indexes and the triggers of table ?1.
SELECT type, name FROM sqlite_schema
WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND tbl_name = ? COLLATE NOCASE
