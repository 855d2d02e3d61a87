-- The columns of a table that was made anew: name, type, place in the primary key, and whether they are generated.
SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, 'main')
