-- Release 1.2 after phase 2, where users.api_key has become api_key_hash.
-- era: 1.2_phase2
-- phases: align
-- counts_as: 0001
-- applied_at: SELECT applied_at FROM schema_version ORDER BY version LIMIT 1
-- optional: entities_fts entities_fts_insert entities_fts_delete entities_fts_update
-- optional: users.api_key learned_patterns_retired

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    organization TEXT,
    api_key_hash TEXT,
    oauth_provider TEXT,
    oauth_id TEXT,
    is_active BOOLEAN DEFAULT 1,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE entities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    person_type TEXT,
    description TEXT,
    company TEXT,
    title TEXT,
    email TEXT,
    phone TEXT,
    address TEXT,
    website TEXT,
    social_media TEXT,
    notes TEXT,
    importance INTEGER DEFAULT 2,
    tags TEXT,
    relationships TEXT,
    last_interaction TEXT,
    interaction_count INTEGER DEFAULT 0,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    first_name TEXT,
    last_name TEXT,
    contact_info TEXT,
    active BOOLEAN DEFAULT 1
);

CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    importance INTEGER DEFAULT 2,
    tags TEXT,
    entity_ids TEXT,
    embedding TEXT,
    metadata TEXT,
    is_archived BOOLEAN DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    uuid TEXT
);

CREATE TABLE interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    user_prompt TEXT NOT NULL,
    assistant_response TEXT NOT NULL,
    context TEXT,
    feedback TEXT,
    sentiment TEXT,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE api_usage_tracking (
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

CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL
);

CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_users_api_key_hash ON users (api_key_hash);
CREATE INDEX idx_memories_importance ON memories (importance);
CREATE INDEX idx_memories_created ON memories (created_at);
CREATE INDEX idx_usage_user_date ON api_usage_tracking (user_id, date);
CREATE INDEX idx_entities_user_type ON entities (user_id, entity_type);
CREATE INDEX idx_entities_active ON entities (user_id, active);
CREATE INDEX idx_memories_user_type ON memories (user_id, memory_type);
CREATE INDEX idx_memories_user_importance ON memories (user_id, importance DESC);
CREATE INDEX idx_memories_uuid ON memories (uuid);
CREATE INDEX idx_memories_user_archived ON memories (user_id, is_archived);
CREATE INDEX idx_interactions_user_date ON interactions (user_id, DATE(created_at));
CREATE INDEX idx_usage_user_provider_date ON api_usage_tracking (user_id, api_provider, date);

CREATE VIRTUAL TABLE memories_fts USING fts5(
    title, content, tags,
    content='memories',
    content_rowid='id'
);

CREATE TRIGGER memories_fts_insert AFTER INSERT ON memories BEGIN
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
END;

CREATE TRIGGER memories_fts_update AFTER UPDATE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE VIRTUAL TABLE entities_fts USING fts5(
    name, description, notes, tags,
    content='entities',
    content_rowid='id'
);

CREATE TRIGGER entities_fts_insert AFTER INSERT ON entities BEGIN
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

CREATE TRIGGER entities_fts_delete AFTER DELETE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
END;

CREATE TRIGGER entities_fts_update AFTER UPDATE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;
