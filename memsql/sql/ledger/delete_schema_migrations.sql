-- A version whose file is gone for good.
DELETE FROM schema_migrations WHERE version = ?
