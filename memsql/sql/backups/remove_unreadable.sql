-- Foreign file: remove the object ?1, which is no table, from a schema that SQLite cannot read as a whole.
DELETE FROM sqlite_schema
WHERE name = ?1 AND type <> 'table'
