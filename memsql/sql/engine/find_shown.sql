-- Isolation: the table or view ?1, in any case.
SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE
