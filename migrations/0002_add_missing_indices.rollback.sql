-- Removes the two listing indexes.

DROP INDEX idx_memories_user_updated;
DROP INDEX idx_entities_user_created;
