-- name: usage of a user on one day, by provider
-- why: The daily cost limit.
-- param: user_id = 'user-0001'
-- param: date = '2024-06-15'
-- plan: no-scan, no-sort, uses idx_usage_user_provider_date

SELECT api_provider, SUM(tokens_used) AS tokens_used, SUM(cost_usd) AS cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id AND date = :date
GROUP BY api_provider;
