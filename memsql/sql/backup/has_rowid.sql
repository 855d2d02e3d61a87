-- Whether a table that was made anew has rowids.
SELECT NOT wr FROM pragma_table_list
WHERE schema = 'main' AND name = ?
