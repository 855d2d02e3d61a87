-- The columns of a table that a statement may set, in order: no generated ones. Parameters: the table.
SELECT c.name
FROM pragma_table_xinfo(?1) AS c
WHERE c.hidden = 0
ORDER BY c.cid;
