-- Was a legacy upgrade ever recorded here?
SELECT 1 FROM sqlite_schema WHERE name = 'memsql_legacy_objects'
