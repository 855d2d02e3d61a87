-- name: usage of a user on one day, by provider
-- why: The daily cost limit.
-- param: user_id = SELECT user_id FROM api_usage_tracking GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: date = SELECT MAX(date) FROM api_usage_tracking WHERE user_id = :user_id
-- plan: no-scan, no-sort, uses idx_usage_user_provider_date

SELECT api_provider, SUM(tokens_used) AS tokens_used, SUM(cost_usd) AS cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id AND date = :date
GROUP BY api_provider;
