-- Migrations that count as applied because the database was adopted, and not because they ran here.
SELECT h.migration_id FROM memsql_history AS h
WHERE
    h.operation IN ('adopt', 'baseline')
    AND h.id = (
        SELECT max(i.id) FROM memsql_history AS i
        WHERE i.migration_id = h.migration_id AND i.operation IN ('apply', 'adopt', 'baseline') AND i.status = 'ok'
    )
