-- The legacy upgrades that ran here and were not rolled back.
SELECT DISTINCT phase FROM memsql_legacy_objects
