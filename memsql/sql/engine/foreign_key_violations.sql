-- Rows that refer to nothing, counted by table and parent.
SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY "table", parent
