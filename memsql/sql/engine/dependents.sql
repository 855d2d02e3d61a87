-- Structure: the views and triggers, which name other objects, that were created behind place ?1.
SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger') AND rowid > ? ORDER BY rowid
