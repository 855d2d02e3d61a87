-- What is applied, with checksum and status, and what failed: all that tells whether an application fits a database.
SELECT y.migration_id, s.checksum, s.status
FROM "_yoyo_migration" AS y
LEFT JOIN schema_migrations AS s ON s.version = CAST(y.migration_id AS INTEGER)
UNION ALL
SELECT NULL, NULL, f.status
FROM schema_migrations AS f
WHERE f.status = 'failed'
