-- Metrics: how often each operation was tried, by outcome.
SELECT operation, status, count(*) AS attempts
FROM memsql_history
WHERE status IN ('ok', 'failed') AND operation <> 'import'
GROUP BY operation, status
ORDER BY operation, status
