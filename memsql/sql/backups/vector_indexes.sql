-- Foreign file: the vector indexes of libSQL, through which another SQLite finds no rows.
SELECT name FROM sqlite_schema
WHERE type = 'index' AND instr(lower(sql), 'libsql_vector_idx') > 0
ORDER BY name
