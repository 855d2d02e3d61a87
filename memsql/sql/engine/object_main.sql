-- What the object ?1 of the schema is: its type, its name as the schema spells it, its text. Without temporary ones,
-- which a server has not.
SELECT type, name, sql, 0 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE
LIMIT 1
