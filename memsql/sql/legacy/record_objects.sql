-- Record every table, index, trigger and view before legacy upgrade ?1.
INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT ?, type, name, tbl_name, sql FROM sqlite_schema
WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'memsql\_%' ESCAPE '\'
