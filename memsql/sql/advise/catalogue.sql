SELECT
    type,
    name,
    tbl_name,
    rootpage,
    CASE WHEN type = 'view' OR sql LIKE 'CREATE VIRTUAL TABLE%' THEN sql END
FROM sqlite_schema
WHERE type IN ('table', 'index', 'view')
