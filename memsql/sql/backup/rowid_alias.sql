-- Has a table one column that is its rowid? Then its primary key has no index of its own.
SELECT 1 FROM pragma_table_info(?)
WHERE
    pk = 1
    AND upper(type) = 'INTEGER'
    AND (SELECT max(pk) FROM pragma_table_info(?)) = 1
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')
