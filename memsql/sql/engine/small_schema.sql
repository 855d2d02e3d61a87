-- The schema as it is stored, in order of creation, where its texts have at most ?1 characters; else no row.
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE
    sql IS NOT NULL
    AND (SELECT total(length(a.sql)) FROM sqlite_schema AS a) <= ?1
ORDER BY rowid
