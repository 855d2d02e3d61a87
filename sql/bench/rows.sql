-- Rows for benchmarks: of :owners users together 100 entities and 1000 memories for each step of :scale.
-- why: The same rows for the same numbers, spread by a hash of their number. Embeddings are short here.
-- A statement that names what an older schema lacks is left out there.

INSERT INTO users (id, email, name, is_active, metadata, created_at, updated_at)
WITH RECURSIVE number (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM number WHERE n < :owners
)

SELECT
    PRINTF('user-%04d', n),
    PRINTF('user%04d@example.com', n),
    PRINTF('User %d', n),
    1,
    '{"plan": "free"}',
    '2024-01-01T00:00:00Z',
    '2024-01-01T00:00:00Z'
FROM number;

UPDATE users
SET api_key_hash = 'key-' || SUBSTR(id, 6)
WHERE api_key_hash IS NULL;

INSERT INTO entities (
    user_id, name, entity_type, person_type, description, company, email, notes, importance, tags, interaction_count,
    metadata, created_at, updated_at
)
WITH RECURSIVE number (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM number WHERE n < 100 * :scale
),

hashed (n, h) AS (
    SELECT n, n * 2654435761 % 4294967296 FROM number
),

word (w, text) AS (
    VALUES (0, 'harbour'), (1, 'garden'), (2, 'violin'), (3, 'winter'), (4, 'bridge'), (5, 'copper'), (6, 'river'),
    (7, 'signal')
)

SELECT
    PRINTF('user-%04d', 1 + h % :owners),
    a.text || ' ' || b.text || ' ' || n,
    CASE h / 64 % 3 WHEN 0 THEN 'person' WHEN 1 THEN 'organization' ELSE 'place' END,
    CASE h / 64 % 3 WHEN 0 THEN 'colleague' END,
    'met at the ' || a.text || ' beside the ' || b.text || ' in ' || (2000 + h % 24),
    b.text || ' and sons',
    'contact' || n || '@example.org',
    'asks about the ' || b.text || ', the ' || a.text || ' and contract number ' || h,
    1 + h / 512 % 3,
    '["' || a.text || '"]',
    h % 50,
    '{}',
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1704067200 + h % 63072000, 'unixepoch'),
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1767139200 + h / 7 % 9000000, 'unixepoch')
FROM hashed
INNER JOIN word AS a ON a.w = h % 8
INNER JOIN word AS b ON b.w = h / 8 % 8;

INSERT INTO memories (
    user_id, title, content, memory_type, importance, tags, entity_ids, embedding, metadata, is_archived, created_at,
    updated_at
)
WITH RECURSIVE number (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM number WHERE n < 1000 * :scale
),

hashed (n, h) AS (
    SELECT n, n * 2654435761 % 4294967296 FROM number
),

word (w, text) AS (
    VALUES (0, 'meeting'), (1, 'invoice'), (2, 'lecture'), (3, 'recipe'), (4, 'doctor'), (5, 'school'), (6, 'planet'),
    (7, 'market')
)

SELECT
    PRINTF('user-%04d', 1 + h % :owners),
    a.text || ' and ' || b.text || ' ' || n,
    'The ' || a.text || ' of this week was about the ' || b.text || ' and went on until ' || h % 24
    || ' o''clock. Afterwards we spoke of letter number ' || h
    || ', which nobody had answered, and agreed to meet again before the ' || b.text || ' begins.',
    CASE h / 64 % 4 WHEN 0 THEN 'note' WHEN 1 THEN 'fact' WHEN 2 THEN 'event' ELSE 'preference' END,
    1 + h / 512 % 3,
    '["' || a.text || '", "' || b.text || '"]',
    '[' || (1 + h % (100 * :scale)) || ', ' || (1 + h / 3 % (100 * :scale)) || ']',
    CASE
        WHEN h / 128 % 4 > 0
            THEN PRINTF('[%.6f, %.6f, %.6f, %.6f]', h / 4294967296.0, n % 7 / 7.0, n % 3 / 3.0, 0.5)
    END,
    '{}',
    h / 1024 % 5 = 0,
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1704067200 + h % 63072000, 'unixepoch'),
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1767139200 + h / 7 % 9000000, 'unixepoch')
FROM hashed
INNER JOIN word AS a ON a.w = h % 8
INNER JOIN word AS b ON b.w = h / 8 % 8;

INSERT INTO interactions (user_id, user_prompt, assistant_response, context, created_at, updated_at)
WITH RECURSIVE number (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM number WHERE n < 200 * :scale
),

hashed (n, h) AS (
    SELECT n, n * 2654435761 % 4294967296 FROM number
)

SELECT
    PRINTF('user-%04d', 1 + h % :owners),
    'What do you know about letter number ' || h || '?',
    'It arrived on day ' || h % 365 || ' and speaks of the meeting, the invoice and the market in town ' || n || '.',
    '{}',
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1704067200 + h % 63072000, 'unixepoch'),
    STRFTIME('%Y-%m-%dT%H:%M:%SZ', 1767139200 + h / 7 % 9000000, 'unixepoch')
FROM hashed;

INSERT INTO api_usage_tracking (
    id, user_id, api_provider, model, tokens_used, cost_usd, operation_type, timestamp, date
)
WITH RECURSIVE number (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM number WHERE n < 300 * :scale
),

hashed (n, h) AS (
    SELECT n, n * 2654435761 % 4294967296 FROM number
)

SELECT
    PRINTF('call-%08d', n),
    PRINTF('user-%04d', 1 + h % :owners),
    CASE h / 64 % 2 WHEN 0 THEN 'openai' ELSE 'openrouter' END,
    CASE h / 128 % 2 WHEN 0 THEN 'small' ELSE 'large' END,
    h % 100000,
    h % 1000 / 7000.0,
    'chat',
    1704067200 + h % 63072000,
    DATE(1704067200 + h % 63072000, 'unixepoch')
FROM hashed;
