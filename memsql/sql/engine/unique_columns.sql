-- The columns (NULL: an expression) of each UNIQUE index over all rows of table ?1 of schema ?2, and what made it.
SELECT l.name, c.name, l.origin
FROM pragma_index_list(?1, ?2) AS l
JOIN pragma_index_info(l.name, ?2) AS c
WHERE l."unique" AND NOT l.partial
ORDER BY l.origin = 'pk' DESC, l.seq DESC, c.seqno
