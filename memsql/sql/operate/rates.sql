-- Metrics: success and rollback ratio, mean seconds of a success, share of recorded verifications that passed.
SELECT
    sum(operation = 'apply' AND status = 'ok') * 1.0
    / nullif(sum(operation = 'apply' AND status IN ('ok', 'failed')), 0) AS success_ratio,
    avg(CASE WHEN operation = 'apply' AND status = 'ok' THEN duration_ms END) / 1000.0 AS mean_seconds,
    sum(operation = 'rollback' AND status = 'ok') * 1.0
    / nullif(sum(operation = 'apply' AND status = 'ok'), 0) AS rollback_ratio,
    sum(operation = 'verify' AND status = 'ok') * 1.0
    / nullif(sum(operation = 'verify'), 0) AS verification_pass_ratio
FROM memsql_history
