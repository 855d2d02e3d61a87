-- name: calls of paid services are counted
-- why: What the service spends is seen here, and nowhere else.
-- needs: 0001

INSERT INTO api_usage_tracking (
    id, user_id, api_provider, model, tokens_used, cost_usd, operation_type, timestamp, date
)
VALUES
('memsql-smoke-1', 'memsql-smoke', 'openai', 'embedder', 1000, 0.25, 'embedding', 1767225600000, '2026-01-01'),
('memsql-smoke-2', 'memsql-smoke', 'openai', 'embedder', 500, 0.125, 'embedding', 1767312000000, '2026-01-02'),
('memsql-smoke-3', 'memsql-smoke', 'openrouter', 'chatter', 200, 0.5, 'chat', 1769904000000, '2026-02-01');

WITH january (tokens, cost) AS (
    SELECT
        COALESCE(SUM(tokens_used), 0),
        COALESCE(SUM(cost_usd), 0)
    FROM api_usage_tracking
    WHERE user_id = 'memsql-smoke' AND date BETWEEN '2026-01-01' AND '2026-01-31'
)

SELECT 'January has ' || tokens || ' tokens for ' || cost || ' USD instead of 1500 for 0.375' AS problem
FROM january
WHERE tokens <> 1500 OR cost <> 0.375;

WITH costs AS (
    SELECT api_provider || ' ' || SUM(cost_usd) AS line
    FROM api_usage_tracking
    WHERE user_id = 'memsql-smoke'
    GROUP BY api_provider
    ORDER BY api_provider
    LIMIT 10
),

joined (line) AS (
    SELECT COALESCE(GROUP_CONCAT(line), 'none')
    FROM costs
)

SELECT 'by provider the costs are ' || line AS problem
FROM joined
WHERE line <> 'openai 0.375,openrouter 0.5';

-- A provider that nobody knows is left out, so that the step goes on.
INSERT OR IGNORE INTO api_usage_tracking (
    id, user_id, api_provider, model, cost_usd, operation_type, timestamp, date
)
VALUES ('memsql-smoke-4', 'memsql-smoke', 'smoke', 'none', 1, 'none', 1767225600000, '2026-01-01');

SELECT 'the usage of an unknown provider was taken' AS problem
FROM api_usage_tracking
WHERE id = 'memsql-smoke-4';
