-- Tables, indexes and views with the root pages by which the bytecode of a plan names them.
SELECT
    type,
    name,
    tbl_name,
    rootpage,
    CASE WHEN type = 'view' OR sql LIKE 'CREATE VIRTUAL TABLE%' THEN sql END,
    CASE WHEN type = 'index' THEN (SELECT COUNT(*) FROM PRAGMA_INDEX_INFO(m.name)) END,
    type = 'index' AND (sql IS NULL OR sql LIKE 'CREATE UNIQUE %')
FROM sqlite_schema AS m
WHERE type IN ('table', 'index', 'view')
