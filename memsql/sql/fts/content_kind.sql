-- Whether the content is a table or a view, and its text.
SELECT type, sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')
