-- SQL text: is one column of table ?1 its rowid? A row if so: its primary key has no index of its own.
SELECT 1 FROM pragma_table_info(?1)
WHERE
    pk = 1
    AND upper(type) = 'INTEGER'
    AND (SELECT max(pk) FROM pragma_table_info(?1)) = 1
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')
