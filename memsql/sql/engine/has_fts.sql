-- Is there any FTS5 table at all?
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'create virtual table%fts5%' LIMIT 1
