-- Whether a table is WITHOUT ROWID, and whether its primary key has an index of its own.
SELECT
    wr,
    EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')
FROM pragma_table_list(?)
WHERE schema = 'main'
