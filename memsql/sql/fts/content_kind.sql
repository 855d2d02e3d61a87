-- Is the content ?1 of an index a table or a view? Its type and text; no row where it does not exist.
SELECT type, sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')
