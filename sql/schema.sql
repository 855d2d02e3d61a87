-- The schema after all migrations, as `schema.dump --write` has it. Edit it only for `migrate.create NAME --from`.

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
    updated_at TEXT NOT NULL
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
    updated_at TEXT NOT NULL
);

CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL
);

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

CREATE VIRTUAL TABLE entities_fts USING fts5(
    name, description, notes, tags,
    content='entities',
    content_rowid='id'
);

CREATE VIRTUAL TABLE memories_fts USING fts5(
    title, content, tags,
    content='memories',
    content_rowid='id'
);

CREATE INDEX idx_entities_user_created ON entities (user_id, created_at DESC);

CREATE INDEX idx_entities_user_importance ON entities (user_id, importance DESC);

CREATE INDEX idx_entities_user_type ON entities (user_id, entity_type);

CREATE INDEX idx_interactions_user_date ON interactions (user_id, DATE(created_at));

CREATE INDEX idx_memories_active ON memories (user_id, created_at DESC) WHERE is_archived = 0;

CREATE INDEX idx_memories_created ON memories (created_at DESC);

CREATE INDEX idx_memories_user_archived ON memories (user_id, is_archived);

CREATE INDEX idx_memories_user_importance ON memories (user_id, importance DESC);

CREATE INDEX idx_memories_user_type ON memories (user_id, memory_type);

CREATE INDEX idx_memories_user_updated ON memories (user_id, updated_at DESC);

CREATE INDEX idx_usage_user_provider_date ON api_usage_tracking (user_id, api_provider, date);

CREATE INDEX idx_users_api_key_hash ON users (api_key_hash);

CREATE INDEX idx_users_email ON users (email);

CREATE TRIGGER entities_fts_delete AFTER DELETE ON entities BEGIN
    INSERT INTO entities_fts (entities_fts, rowid, name, description, notes, tags)
    VALUES ('delete', old.id, old.name, old.description, old.notes, old.tags);
END;

CREATE TRIGGER entities_fts_insert AFTER INSERT ON entities BEGIN
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

CREATE TRIGGER entities_fts_update AFTER UPDATE ON entities BEGIN
    INSERT INTO entities_fts (entities_fts, rowid, name, description, notes, tags)
    VALUES ('delete', old.id, old.name, old.description, old.notes, old.tags);
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, title, content, tags)
    VALUES ('delete', old.id, old.title, old.content, old.tags);
END;

CREATE TRIGGER memories_fts_insert AFTER INSERT ON memories BEGIN
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE TRIGGER memories_fts_update AFTER UPDATE ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, title, content, tags)
    VALUES ('delete', old.id, old.title, old.content, old.tags);
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;
