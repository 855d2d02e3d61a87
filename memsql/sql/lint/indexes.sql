-- Lint and review: every key column of every index, those of UNIQUE and PRIMARY KEY among them.
SELECT s.name, i.name, i."unique", i.origin, i.partial, x.cid, x.name, x."desc", x.coll
FROM sqlite_schema AS s
JOIN pragma_index_list(s.name) AS i
JOIN pragma_index_xinfo(i.name) AS x
WHERE s.type = 'table' AND x.key = 1
ORDER BY s.name, i.name, x.seqno
