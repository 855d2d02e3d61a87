-- Structure: the object at place ?1.
SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE rowid = ? AND sql IS NOT NULL
