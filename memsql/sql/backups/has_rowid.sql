-- Salvage: 1 where table ?1 has rowids, 0 where it has not.
SELECT NOT wr FROM pragma_table_list
WHERE schema = 'main' AND name = ?
