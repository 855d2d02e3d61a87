-- Whether there is an index of this name (?), as IF NOT EXISTS asks.
SELECT 1
FROM sqlite_schema
WHERE type = 'index' AND name = ? COLLATE nocase
