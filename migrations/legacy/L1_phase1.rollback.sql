-- Undoes phase 1, so that every index and table that was there before it comes back.

-- Another tool may have run this phase, and then nothing was recorded. If the database looks like release 1.2
-- after phase 1, it goes back to the shape of release 1.2 before it; anything else stays as it is.
WITH known (type, name, tbl_name) AS (
    VALUES
    ('table', 'learned_patterns', 'learned_patterns'),
    ('index', 'idx_patterns_user_id', 'learned_patterns'),
    ('index', 'idx_patterns_type', 'learned_patterns'),
    ('index', 'idx_entities_user_id', 'entities'),
    ('index', 'idx_entities_type', 'entities'),
    ('index', 'idx_entities_name', 'entities'),
    ('index', 'idx_entities_importance', 'entities'),
    ('index', 'idx_memories_user_id', 'memories'),
    ('index', 'idx_memories_type', 'memories'),
    ('index', 'idx_memories_archived', 'memories'),
    ('index', 'idx_interactions_user_id', 'interactions'),
    ('index', 'idx_interactions_created', 'interactions'),
    ('index', 'idx_usage_date', 'api_usage_tracking'),
    ('index', 'idx_usage_provider_date', 'api_usage_tracking')
)

INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'phase1', type, name, tbl_name, NULL
FROM known
WHERE
    NOT EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'phase1')
    AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'idx_users_api_key')
    AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'idx_usage_user_provider_date')
    AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'learned_patterns');

INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'phase1', type, name, tbl_name, sql
FROM sqlite_schema
WHERE NOT EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'phase1');

-- The rows of learned_patterns come back with the table's old name; an empty one is made anew.
-- when: 'learned_patterns' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
-- when: 'learned_patterns_retired' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'learned_patterns_retired')
-- when: NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'learned_patterns')
ALTER TABLE learned_patterns_retired RENAME TO learned_patterns;

-- when: 'learned_patterns' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE TABLE IF NOT EXISTS learned_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    pattern_type TEXT NOT NULL,
    pattern_data TEXT NOT NULL,
    confidence REAL DEFAULT 0.5,
    usage_count INTEGER DEFAULT 0,
    last_used TEXT,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

-- when: 'idx_memories_user_archived' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
DROP INDEX IF EXISTS idx_memories_user_archived;
-- when: 'idx_interactions_user_date' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
DROP INDEX IF EXISTS idx_interactions_user_date;
-- when: 'idx_usage_user_provider_date' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
DROP INDEX IF EXISTS idx_usage_user_provider_date;

-- when: 'idx_patterns_user_id' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_patterns_user_id ON learned_patterns (user_id);
-- when: 'idx_patterns_type' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_patterns_type ON learned_patterns (pattern_type);
-- when: 'idx_entities_user_id' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_entities_user_id ON entities (user_id);
-- when: 'idx_entities_type' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_entities_type ON entities (entity_type);
-- when: 'idx_entities_name' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_entities_name ON entities (name);
-- when: 'idx_entities_importance' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_entities_importance ON entities (importance);
-- when: 'idx_memories_user_id' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_memories_user_id ON memories (user_id);
-- when: 'idx_memories_type' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_memories_type ON memories (memory_type);
-- when: 'idx_memories_archived' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_memories_archived ON memories (is_archived);
-- when: 'idx_interactions_user_id' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_interactions_user_id ON interactions (user_id);
-- when: 'idx_interactions_created' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_interactions_created ON interactions (created_at);
-- when: 'idx_usage_date' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_usage_date ON api_usage_tracking (date);
-- when: 'idx_usage_provider_date' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase1')
CREATE INDEX IF NOT EXISTS idx_usage_provider_date ON api_usage_tracking (api_provider, date);
