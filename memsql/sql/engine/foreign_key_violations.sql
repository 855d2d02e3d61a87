-- Verification: how many rows refer to rows that do not exist, by child table and parent table.
SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY "table", parent
