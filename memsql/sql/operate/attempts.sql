-- How often each operation was tried, and with what outcome.
SELECT operation, status, count(*) AS attempts
FROM memsql_history
WHERE status IN ('ok', 'failed')
GROUP BY operation, status
ORDER BY operation, status
