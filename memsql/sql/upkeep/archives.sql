-- Orphans: the tables into which rows were moved aside.
SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'memsql\_orphans\_%' ESCAPE '\' ORDER BY name
