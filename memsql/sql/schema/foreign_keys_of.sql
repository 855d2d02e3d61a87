-- The foreign keys of table ?2, one row for each of their columns; ?1 is the name to show.
SELECT ? AS table_name, id, "table", "from", "to", on_update, on_delete
FROM pragma_foreign_key_list(?, 'main')
ORDER BY id, seq
