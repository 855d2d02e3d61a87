-- The TEMP table or view ?1: its type, its name as the schema spells it, its text.
SELECT type, name, sql FROM sqlite_temp_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE
