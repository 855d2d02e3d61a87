-- Removes the partial index on active memories.

DROP INDEX idx_memories_active;
