-- name: usage of a user in one month
-- why: The monthly bill.
-- param: user_id = SELECT user_id FROM api_usage_tracking GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: month = SELECT STRFTIME('%Y-%m', MAX(date)) || '%' FROM api_usage_tracking WHERE user_id = :user_id
-- plan: no-scan, uses idx_usage_user_provider_date

SELECT COUNT(*) AS calls, SUM(tokens_used) AS tokens_used, SUM(cost_usd) AS cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id AND date LIKE :month;
