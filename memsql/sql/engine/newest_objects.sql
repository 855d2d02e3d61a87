-- Structure: of the objects before place ?1 the newest ?2, the newest first.
SELECT rowid, type, name, tbl_name, sql
FROM sqlite_schema
WHERE rowid <= ?1 AND sql IS NOT NULL
ORDER BY rowid DESC
LIMIT ?2
