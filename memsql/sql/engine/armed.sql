-- Tables and views whose writes may reach more: those with a trigger, and those named by a foreign key with an action.
SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'
UNION
SELECT lower(f."table")
FROM sqlite_schema AS s
JOIN pragma_foreign_key_list(s.name, 'main') AS f
WHERE
    s.type = 'table'
    -- To look for keys in every table takes long where there are a thousand, and a key needs the word.
    AND s.sql LIKE '%references%'
    AND (f.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR f.on_update NOT IN ('NO ACTION', 'RESTRICT'))
