-- Partial index so that a user's active memories, newest first, are neither scanned nor sorted.
-- depends: 0003_fix_fts_triggers

CREATE INDEX idx_memories_active ON memories (user_id, created_at DESC) WHERE is_archived = 0;
