-- Keeps each embedding of memories as 32-bit numbers beside its JSON text, for searches by distance.
-- depends: 0004_index_active_memories

-- A row for each memory with an embedding: little-endian 32-bit numbers, or NULL where the text is no array of numbers.
-- It has a table of its own, so that a search does not read the texts. The memories that are there when this runs get
-- their rows from fill.py, a batch a transaction.
CREATE TABLE memory_embeddings (memory_id INTEGER PRIMARY KEY, embedding BLOB);

-- SQLite has no function that writes a number as 32 bits, so the bits are computed. A number that is not smaller than
-- "least" and smaller than the next "least" has its exponent; times "factor" it is its fraction, with "base" its word.
CREATE TABLE float32_powers (least REAL PRIMARY KEY, factor REAL NOT NULL, base INTEGER) WITHOUT ROWID;

WITH RECURSIVE rising (exponent, power) AS (
    SELECT 0, 1.0
    UNION ALL
    SELECT exponent + 1, power * 2 FROM rising
    WHERE exponent < 127
),

falling (exponent, power) AS (
    SELECT -1, 0.5
    UNION ALL
    SELECT exponent - 1, power / 2 FROM falling
    WHERE exponent > -126
),

-- Numbers below the smallest normal one have its factor, and no exponent of their own. What would be rounded to 2^128 or
-- more has no word.
every AS (
    SELECT power AS least, power, (exponent + 126) * 8388608 AS base FROM rising
    UNION ALL
    SELECT power AS least, power, (exponent + 126) * 8388608 AS base FROM falling
    UNION ALL
    SELECT 0.0 AS least, MIN(power) AS power, 0 AS base FROM falling
    UNION ALL
    SELECT MAX(power) * (2 - 1.0 / 16777216) AS least, MAX(power) AS power, NULL AS base FROM rising
)

INSERT INTO float32_powers (least, factor, base)
SELECT least, 8388608.0 / power, base FROM every;

-- Every byte, for a piece of a blob is the only way to a byte above 127.
CREATE TABLE float32_bytes (list BLOB NOT NULL);

INSERT INTO float32_bytes (list) VALUES (CAST(
    x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
    || x'202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f'
    || x'404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f'
    || x'606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f'
    || x'808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'
    || x'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf'
    || x'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'
    || x'e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'
    AS BLOB
));

-- Adding and subtracting 2^52 rounds half to even, as IEEE 754 does. A word is written from its lowest byte up.
CREATE VIEW memory_float32 (memory_id, embedding) AS
SELECT
    memories.id,
    (
        WITH numbers (place, number, size) AS MATERIALIZED (
            SELECT
                key,
                value,
                CASE WHEN type IN ('integer', 'real') THEN ABS(value) END
            FROM JSON_EACH(
                CASE
                    WHEN
                        JSON_VALID(memories.embedding)
                        AND SUBSTR(LTRIM(memories.embedding, CHAR(9, 10, 13, 32)), 1, 1) = '['
                        THEN memories.embedding
                    ELSE 'null'
                END
            )
        ),

        words (word) AS MATERIALIZED (
            SELECT
                (
                    SELECT base + CAST(size * factor + 4503599627370496.0 - 4503599627370496.0 AS INTEGER)
                    FROM float32_powers
                    WHERE least <= size
                    ORDER BY least DESC
                    LIMIT 1
                ) | ((number < 0) << 31)
            FROM numbers
            ORDER BY place
        ),

        written (count_of_words, list) AS (
            SELECT
                COUNT(*),
                CAST(
                    GROUP_CONCAT(
                        SUBSTR(list, (word & 255) + 1, 1) || SUBSTR(list, ((word >> 8) & 255) + 1, 1)
                        || SUBSTR(list, ((word >> 16) & 255) + 1, 1) || SUBSTR(list, (word >> 24) + 1, 1),
                        ''
                    ) AS BLOB
                )
            FROM words
            CROSS JOIN float32_bytes
        )

        -- A word that is NULL adds no bytes, and text of two bytes a character is not what it should be.
        SELECT list
        FROM written
        WHERE LENGTH(list) = 4 * count_of_words
    )
FROM memories
WHERE memories.embedding IS NOT NULL;

CREATE TRIGGER memory_embeddings_insert AFTER INSERT ON memories BEGIN
    -- A REPLACE has removed another memory without firing its delete trigger.
    DELETE FROM memory_embeddings WHERE memory_id = new.id;
    INSERT INTO memory_embeddings (memory_id, embedding)
    SELECT computed.memory_id, computed.embedding FROM memory_float32 AS computed
    WHERE computed.memory_id = new.id;
END;

CREATE TRIGGER memory_embeddings_update AFTER UPDATE OF id, embedding ON memories BEGIN
    DELETE FROM memory_embeddings WHERE memory_id IN (old.id, new.id);
    INSERT INTO memory_embeddings (memory_id, embedding)
    SELECT computed.memory_id, computed.embedding FROM memory_float32 AS computed
    WHERE computed.memory_id = new.id;
END;

CREATE TRIGGER memory_embeddings_delete AFTER DELETE ON memories BEGIN
    DELETE FROM memory_embeddings WHERE memory_id = old.id;
END;
