-- A table by its name in any case, as the schema spells it; from SQLite's memory, for the stored schema has no index.
SELECT name FROM pragma_table_list(?) WHERE schema = 'main' AND type <> 'view'
