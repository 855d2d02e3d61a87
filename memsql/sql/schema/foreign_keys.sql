-- Every foreign key, one row for each of its columns.
SELECT s.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM sqlite_schema AS s
JOIN pragma_foreign_key_list(s.name, 'main') AS f
WHERE s.type = 'table'
ORDER BY s.name, f.id, f.seq
