-- Undoes align. What it added goes, the superseded indexes come back, a table that has got rows stays.

-- Without a record nobody knows what align added, and then nothing goes.
INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'align', type, name, tbl_name, sql
FROM sqlite_schema
WHERE NOT EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'align');

-- when: 'entities_fts_insert' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS entities_fts_insert;
-- when: 'entities_fts_delete' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS entities_fts_delete;
-- when: 'entities_fts_update' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS entities_fts_update;
-- when: 'entities_fts' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TABLE IF EXISTS entities_fts;

-- when: 'memories_fts_insert' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS memories_fts_insert;
-- when: 'memories_fts_delete' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS memories_fts_delete;
-- when: 'memories_fts_update' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TRIGGER IF EXISTS memories_fts_update;
-- when: 'memories_fts' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP TABLE IF EXISTS memories_fts;

-- when: 'idx_users_email' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_users_email;
-- when: 'idx_users_api_key_hash' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_users_api_key_hash;
-- when: 'idx_entities_user_type' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_entities_user_type;
-- when: 'idx_entities_user_importance' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_entities_user_importance;
-- when: 'idx_memories_user_type' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_memories_user_type;
-- when: 'idx_memories_user_importance' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_memories_user_importance;
-- when: 'idx_memories_user_archived' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_memories_user_archived;
-- when: 'idx_memories_created' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_memories_created;
-- when: 'idx_interactions_user_date' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_interactions_user_date;
-- when: 'idx_usage_user_provider_date' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
DROP INDEX IF EXISTS idx_usage_user_provider_date;

-- The index was ascending before align.
-- when: EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'align' AND name = 'idx_memories_created' AND sql NOT LIKE '%DESC%')
DROP INDEX IF EXISTS idx_memories_created;
-- when: 'idx_memories_created' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
CREATE INDEX IF NOT EXISTS idx_memories_created ON memories (created_at);

-- when: 'idx_memories_importance' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
CREATE INDEX IF NOT EXISTS idx_memories_importance ON memories (importance);
-- when: 'idx_usage_user_date' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
CREATE INDEX IF NOT EXISTS idx_usage_user_date ON api_usage_tracking (user_id, date);

-- when: 'api_usage_tracking' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'api_usage_tracking')
-- when: NOT EXISTS (SELECT 1 FROM api_usage_tracking)
DROP TABLE api_usage_tracking;
