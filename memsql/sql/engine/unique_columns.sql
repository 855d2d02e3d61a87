-- The columns of each UNIQUE index of table ?1 of schema ?2: index, column (NULL: an expression), 1 if partial.
SELECT l.name, c.name, l.partial
FROM pragma_index_list(?1, ?2) AS l
JOIN pragma_index_info(l.name, ?2) AS c
WHERE l."unique"
ORDER BY l.origin = 'pk' DESC, l.seq DESC, c.seqno
