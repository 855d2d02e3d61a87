-- The last thing that was done to each migration, attempts that failed aside.
SELECT
    h.migration_id,
    h.operation
FROM memsql_history AS h
WHERE
    h.status <> 'failed'
    AND h.id = (
        SELECT max(later.id)
        FROM memsql_history AS later
        WHERE
            later.migration_id = h.migration_id
            AND later.status <> 'failed'
    )
