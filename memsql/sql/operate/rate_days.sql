-- Dashboard: of each day (UTC) of the history, how many applications, rollbacks and verifications ended how.
SELECT max(started_at) AS last_at, operation, status, count(*) AS number
FROM memsql_history
WHERE operation IN ('apply', 'rollback', 'verify') AND status IN ('ok', 'failed')
GROUP BY substr(started_at, 1, 10), operation, status
ORDER BY last_at
