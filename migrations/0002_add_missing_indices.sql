-- Indexes for listing entities newest first and memories last updated first.
-- depends: 0001_baseline

CREATE INDEX idx_entities_user_created ON entities (user_id, created_at DESC);
CREATE INDEX idx_memories_user_updated ON memories (user_id, updated_at DESC);
