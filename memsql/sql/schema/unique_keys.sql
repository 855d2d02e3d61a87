-- The columns of every unique index, automatic ones too; an expression has no name.
SELECT s.name, i.name, i.partial, c.name
FROM sqlite_schema AS s
JOIN pragma_index_list(s.name) AS i
JOIN pragma_index_info(i.name) AS c
WHERE s.type = 'table' AND i."unique"
ORDER BY s.name, i.name, c.seqno
