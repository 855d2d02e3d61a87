-- The object ?1 of the schema: its type, its name as the schema spells it, its text, and 1 where it is temporary.
SELECT type, name, sql, 1 FROM sqlite_temp_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE
UNION ALL
SELECT type, name, sql, 0 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE
LIMIT 1
