-- Structure: the columns of table or view ?1 of the main schema that an UPDATE can set; generated columns are none.
SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0
