-- Columns of table ?1 that a foreign key sets to their default.
SELECT "from" FROM pragma_foreign_key_list(?1) WHERE 'SET DEFAULT' IN (on_delete, on_update)
