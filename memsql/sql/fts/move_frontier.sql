-- Rows up to here are in the new index.
UPDATE memsql_fts_rebuild SET frontier = ? WHERE name = ?
