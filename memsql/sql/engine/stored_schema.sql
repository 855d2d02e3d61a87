-- The schema as it is stored: every object with its text, in order of creation.
SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid
