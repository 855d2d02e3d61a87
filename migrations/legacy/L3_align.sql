-- Align adds whatever the baseline has and this database lacks; columns, tables and indexes of its own stay.
-- allow: MS18 the key of api_usage_tracking is that of the baseline

CREATE TABLE IF NOT EXISTS api_usage_tracking (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    api_provider TEXT NOT NULL CHECK (api_provider IN ('openai', 'openrouter')),
    model TEXT NOT NULL,
    tokens_used INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL,
    operation_type TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    date TEXT NOT NULL,
    metadata TEXT
);

-- The composite indexes below answer what these two answered.
DROP INDEX IF EXISTS idx_memories_importance;
DROP INDEX IF EXISTS idx_usage_user_date;

-- The old index is ascending; the baseline's is descending under the same name.
-- when: EXISTS (SELECT 1 FROM pragma_index_xinfo('idx_memories_created') WHERE seqno = 0 AND "desc" = 0)
DROP INDEX idx_memories_created;

CREATE INDEX IF NOT EXISTS idx_users_email ON users (email);
CREATE INDEX IF NOT EXISTS idx_users_api_key_hash ON users (api_key_hash);
CREATE INDEX IF NOT EXISTS idx_entities_user_type ON entities (user_id, entity_type);
CREATE INDEX IF NOT EXISTS idx_entities_user_importance ON entities (user_id, importance DESC);
CREATE INDEX IF NOT EXISTS idx_memories_user_type ON memories (user_id, memory_type);
CREATE INDEX IF NOT EXISTS idx_memories_user_importance ON memories (user_id, importance DESC);
CREATE INDEX IF NOT EXISTS idx_memories_user_archived ON memories (user_id, is_archived);
CREATE INDEX IF NOT EXISTS idx_memories_created ON memories (created_at DESC);
CREATE INDEX IF NOT EXISTS idx_interactions_user_date ON interactions (user_id, DATE(created_at));
CREATE INDEX IF NOT EXISTS idx_usage_user_provider_date ON api_usage_tracking (user_id, api_provider, date);

-- The triggers are those of the baseline, mistakes included: 0003 repairs every database in the same way.
-- when: NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'memories_fts')
CREATE VIRTUAL TABLE memories_fts USING fts5(
    title, content, tags,
    content='memories',
    content_rowid='id'
);

CREATE TRIGGER IF NOT EXISTS memories_fts_insert AFTER INSERT ON memories BEGIN
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE TRIGGER IF NOT EXISTS memories_fts_delete AFTER DELETE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
END;

CREATE TRIGGER IF NOT EXISTS memories_fts_update AFTER UPDATE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

-- when: 'memories_fts' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
INSERT INTO memories_fts (memories_fts) VALUES ('rebuild');

-- when: NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'entities_fts')
CREATE VIRTUAL TABLE entities_fts USING fts5(
    name, description, notes, tags,
    content='entities',
    content_rowid='id'
);

CREATE TRIGGER IF NOT EXISTS entities_fts_insert AFTER INSERT ON entities BEGIN
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

CREATE TRIGGER IF NOT EXISTS entities_fts_delete AFTER DELETE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
END;

CREATE TRIGGER IF NOT EXISTS entities_fts_update AFTER UPDATE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

-- when: 'entities_fts' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'align')
INSERT INTO entities_fts (entities_fts) VALUES ('rebuild');
