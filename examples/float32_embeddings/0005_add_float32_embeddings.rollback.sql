-- Removes the 32-bit numbers beside the embeddings. The JSON texts, from which they were made, stay.
-- allow: data-loss memory_embeddings computed from memories.embedding, which stays
-- allow: data-loss float32_powers constants
-- allow: data-loss float32_bytes constants

DROP TRIGGER memory_embeddings_insert;
DROP TRIGGER memory_embeddings_update;
DROP TRIGGER memory_embeddings_delete;
DROP VIEW memory_float32;
DROP TABLE memory_embeddings;
DROP TABLE float32_powers;
DROP TABLE float32_bytes;
