-- Nothing is recorded any more.
DROP TABLE memsql_legacy_objects
