-- Loss guard: the table ?1, in any case, as the schema spells it. Quick: it needs no scan of sqlite_schema.
SELECT name FROM pragma_table_list(?) WHERE schema = 'main' AND type <> 'view'
