-- Salvage: every object of the attached damaged database, in order of creation, as far as it can be read.
SELECT type, name, tbl_name, sql FROM damaged.sqlite_schema
WHERE sql IS NOT NULL
