-- Are the tables of Litestream in the database? A row if so.
SELECT 1 FROM sqlite_schema
WHERE type = 'table' AND lower(name) = '_litestream_seq';
