-- Is this table without rowid?
SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'
