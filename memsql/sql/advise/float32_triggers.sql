-- bench.embeddings: JSON arrays, and their numbers as little-endian floats of 32 bits, which a trigger writes.
CREATE TABLE vectors (id INTEGER PRIMARY KEY, embedding TEXT);

CREATE TABLE vectors_float32 (id INTEGER PRIMARY KEY, embedding BLOB);

-- SQLite has no function for floats of 32 bits. The word of a number is its sign, its exponent, which this table knows,
-- and its fraction; adding and subtracting 2^52 rounds that half to even, as IEEE 754 does.
CREATE TABLE float32_powers (least REAL PRIMARY KEY, factor REAL NOT NULL, base INTEGER NOT NULL) WITHOUT ROWID;

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

-- Numbers below the smallest normal one have its factor, and no exponent of their own.
every AS (
    SELECT power AS least, power, (exponent + 126) * 8388608 AS base FROM rising
    UNION ALL
    SELECT power AS least, power, (exponent + 126) * 8388608 AS base FROM falling
    UNION ALL
    SELECT 0.0 AS least, MIN(power) AS power, 0 AS base FROM falling
)

INSERT INTO float32_powers (least, factor, base)
SELECT least, 8388608.0 / power, base FROM every;

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

CREATE TRIGGER vectors_insert AFTER INSERT ON vectors
BEGIN
    INSERT INTO vectors_float32 (id, embedding)
    SELECT
        new.id,
        (
            WITH numbers (place, number, size) AS MATERIALIZED (
                SELECT key, value, ABS(value) FROM JSON_EACH(new.embedding)
            ),

            words (word) AS MATERIALIZED (
                SELECT
                    (
                        SELECT base + CAST(size * factor + 4503599627370496.0 - 4503599627370496.0 AS INTEGER)
                        FROM float32_powers
                        WHERE least <= numbers.size
                        ORDER BY least DESC
                        LIMIT 1
                    ) | ((number < 0) << 31)
                FROM numbers
                ORDER BY place
            )

            SELECT
                CAST(
                    GROUP_CONCAT(
                        SUBSTR(list, (word & 255) + 1, 1) || SUBSTR(list, ((word >> 8) & 255) + 1, 1)
                        || SUBSTR(list, ((word >> 16) & 255) + 1, 1) || SUBSTR(list, (word >> 24) + 1, 1),
                        ''
                    ) AS BLOB
                )
            FROM words
            CROSS JOIN float32_bytes
        );
END;
