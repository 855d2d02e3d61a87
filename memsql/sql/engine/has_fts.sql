-- Is there an FTS5 table? A row if so.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual table%fts5%' LIMIT 1
