-- name: usage of a user between two days
-- why: The cost chart.
-- param: user_id = 'user-0001'
-- param: first_date = '2024-06-01'
-- param: last_date = '2024-06-30'
-- plan: no-scan, uses idx_usage_user_provider_date

SELECT date, model, operation_type, tokens_used, cost_usd
FROM api_usage_tracking
WHERE user_id = :user_id AND date BETWEEN :first_date AND :last_date
ORDER BY date;
