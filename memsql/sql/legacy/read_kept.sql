-- What the last adoption or baseline left as it was; no row where none is recorded.
SELECT message FROM memsql_history
WHERE operation IN ('adopt', 'baseline') AND message LIKE 'kept: %'
ORDER BY id DESC
LIMIT 1
