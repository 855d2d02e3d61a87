-- Has the table ?1 a foreign key with an action that names the table ?2? A row if so.
SELECT 1
FROM pragma_foreign_key_list(?1, 'main')
WHERE
    "table" = ?2 COLLATE NOCASE
    AND (on_delete NOT IN ('NO ACTION', 'RESTRICT') OR on_update NOT IN ('NO ACTION', 'RESTRICT'))
LIMIT 1
