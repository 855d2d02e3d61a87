-- Orphans: what has a name like those of the tables into which rows were moved aside, and whether it is such a table.
SELECT s.name, s.type = 'table' AND EXISTS (
  SELECT 1 FROM pragma_table_info(s.name) AS c WHERE c.name = 'memsql_back' AND c.cid < 5
)
FROM sqlite_schema AS s
WHERE s.name LIKE 'memsql\_orphans\_%' ESCAPE '\'
ORDER BY s.name
