-- The history of an older memsql gets the hash of the rollback.
ALTER TABLE memsql_history ADD COLUMN rollback_hash TEXT
