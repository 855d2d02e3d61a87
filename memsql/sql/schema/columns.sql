-- Every column of every table and view.
SELECT s.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_schema AS s
JOIN pragma_table_xinfo(s.name, 'main') AS c
WHERE s.type IN ('table', 'view')
ORDER BY s.name, c.cid
