-- The table ?1, and every trigger whose text holds ?2 (lower case), the oldest first.
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE
    (type = 'table' AND name = ?1)
    OR (type = 'trigger' AND instr(lower(sql), ?2) > 0)
ORDER BY rowid
