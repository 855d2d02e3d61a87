-- Every index, one row for each of its terms; the number of an expression is -2.
SELECT i.tbl_name, i.name, i.sql, l.partial, x.cid, x.coll, coalesce(c.hidden, 0) IN (2, 3) AS generated
FROM sqlite_schema AS i
JOIN pragma_index_list(i.tbl_name) AS l ON l.name = i.name
JOIN pragma_index_xinfo(i.name) AS x ON x.key = 1
LEFT JOIN pragma_table_xinfo(i.tbl_name) AS c ON c.cid = x.cid
WHERE i.type = 'index'
ORDER BY i.tbl_name, i.name, x.seqno
