-- Has the table ?1 a foreign key to itself? A row if so.
SELECT 1 FROM pragma_foreign_key_list(?1) WHERE "table" = ?1 COLLATE NOCASE LIMIT 1
