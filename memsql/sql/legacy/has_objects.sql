-- Was a legacy upgrade recorded here? A row if so.
SELECT 1 FROM sqlite_schema WHERE name = 'memsql_legacy_objects'
