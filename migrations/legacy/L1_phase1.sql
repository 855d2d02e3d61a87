-- Phase 1, low risk. Retires learned_patterns and the redundant indexes, adds three composite ones.
-- allow: MS01 learned_patterns is dropped only where it is empty, and renamed where it holds rows

DROP INDEX IF EXISTS idx_patterns_user_id;
DROP INDEX IF EXISTS idx_patterns_type;

-- Nothing ever read learned_patterns, but rows are rows: a table that holds some is kept under another name.
-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'learned_patterns')
-- when: EXISTS (SELECT 1 FROM learned_patterns)
ALTER TABLE learned_patterns RENAME TO learned_patterns_retired;

-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'learned_patterns')
-- when: NOT EXISTS (SELECT 1 FROM learned_patterns)
DROP TABLE learned_patterns;

DROP INDEX IF EXISTS idx_entities_user_id;
DROP INDEX IF EXISTS idx_entities_type;
DROP INDEX IF EXISTS idx_entities_name;
DROP INDEX IF EXISTS idx_entities_importance;
DROP INDEX IF EXISTS idx_memories_user_id;
DROP INDEX IF EXISTS idx_memories_type;
DROP INDEX IF EXISTS idx_memories_archived;
DROP INDEX IF EXISTS idx_interactions_user_id;
DROP INDEX IF EXISTS idx_interactions_created;
DROP INDEX IF EXISTS idx_usage_date;
DROP INDEX IF EXISTS idx_usage_provider_date;

CREATE INDEX IF NOT EXISTS idx_memories_user_archived ON memories (user_id, is_archived);
CREATE INDEX IF NOT EXISTS idx_interactions_user_date ON interactions (user_id, DATE(created_at));

-- Release 1.0 has no cost tracking yet; align adds the table and this index.
-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'api_usage_tracking')
CREATE INDEX IF NOT EXISTS idx_usage_user_provider_date ON api_usage_tracking (user_id, api_provider, date);
