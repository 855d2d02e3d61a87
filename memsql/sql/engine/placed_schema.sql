-- Structure: every object of the schema with its place, in order of creation; automatic indexes have no text.
SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid
