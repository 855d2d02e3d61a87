-- name: usage of a user, all time, by provider
-- why: The account page.
-- param: user_id = SELECT user_id FROM api_usage_tracking GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- plan: no-scan, no-sort, uses idx_usage_user_provider_date

SELECT api_provider, COUNT(*) AS calls, SUM(tokens_used) AS tokens_used, SUM(cost_usd) AS cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id
GROUP BY api_provider;
