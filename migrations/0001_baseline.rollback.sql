-- Drops the whole schema of release 1.3.5.

DROP TRIGGER memories_fts_insert;
DROP TRIGGER memories_fts_delete;
DROP TRIGGER memories_fts_update;
DROP TRIGGER entities_fts_insert;
DROP TRIGGER entities_fts_delete;
DROP TRIGGER entities_fts_update;

DROP TABLE memories_fts;
DROP TABLE entities_fts;

-- The one row that 0001 wrote. Any other row in any table is a reason not to roll back this far.
DELETE FROM schema_version WHERE version = 1;

DROP TABLE schema_version;
DROP TABLE api_usage_tracking;
DROP TABLE interactions;
DROP TABLE memories;
DROP TABLE entities;
DROP TABLE users;
