-- The history of an older memsql gets the hash of what a migration does: its directives and tokens.
ALTER TABLE memsql_history ADD COLUMN up_hash TEXT
