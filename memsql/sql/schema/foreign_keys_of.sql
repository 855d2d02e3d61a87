-- The foreign keys of one table, a row a column.
SELECT ? AS table_name, id, "table", "from", "to", on_update, on_delete
FROM pragma_foreign_key_list(?, 'main')
ORDER BY id, seq
