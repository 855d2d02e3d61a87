-- Bytes and entries of every table and index. A page inside of an index holds entries too, one inside of a table none.
SELECT
    name,
    sum(pgsize) AS bytes,
    sum(CASE WHEN pagetype = 'leaf' THEN ncell ELSE 0 END) AS leaf_cells,
    sum(ncell) AS cells
FROM dbstat
GROUP BY name
