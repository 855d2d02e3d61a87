-- Loss guard: which table refers to which.
SELECT DISTINCT s.name, f."table"
FROM sqlite_schema AS s
JOIN pragma_foreign_key_list(s.name) AS f
WHERE s.type = 'table'
ORDER BY s.name, f."table"
