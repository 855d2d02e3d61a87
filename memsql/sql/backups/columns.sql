-- Salvage: the columns of table ?1: name, type, place in the primary key, whether generated (hidden <> 0).
SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, 'main')
