-- name: usage of a user between two days
-- why: The cost chart.
-- param: user_id = SELECT user_id FROM api_usage_tracking GROUP BY user_id ORDER BY COUNT(user_id) DESC LIMIT 1
-- param: first_date = SELECT DATE(MAX(date), '-29 days') FROM api_usage_tracking WHERE user_id = :user_id
-- param: last_date = SELECT MAX(date) FROM api_usage_tracking WHERE user_id = :user_id
-- plan: no-scan, uses idx_usage_user_provider_date

SELECT date, model, operation_type, tokens_used, cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id AND date BETWEEN :first_date AND :last_date
ORDER BY date;
