-- Bulk INSERT: is ?1 an ordinary table without triggers? A row if so; none where a TEMP object may hide it.
SELECT 1 AS yes
FROM sqlite_schema AS t
WHERE t.type = 'table' AND t.name = ?1 COLLATE NOCASE AND t.rootpage > 0
    AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS s WHERE s.type = 'trigger' AND s.tbl_name = t.name COLLATE NOCASE)
    AND NOT EXISTS (SELECT 1 FROM sqlite_temp_schema);
