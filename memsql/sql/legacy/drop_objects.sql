-- Drop the record of legacy upgrades, when the last upgrade was rolled back.
DROP TABLE memsql_legacy_objects
