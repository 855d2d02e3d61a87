-- Rows up to here are in the new index.
UPDATE memsql_fts_rebuild SET last_rowid = ?, rows_done = rows_done + ? WHERE fts_table = ?
