-- Note that all rows up to rowid ?1 are copied, in the online rebuild of index ?2.
UPDATE memsql_fts_rebuild SET frontier = ? WHERE name = ?
