-- Foreign file: type and text of the object ?1 in a schema that SQLite cannot read as a whole.
SELECT type, sql FROM sqlite_schema
WHERE name = ?1
