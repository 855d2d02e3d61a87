-- The object ?1 of the schema: its type, its name as the schema spells it, its text; no TEMP ones, for servers.
SELECT type, name, sql, 0 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE
LIMIT 1
