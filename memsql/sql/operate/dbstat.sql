-- Statistics: pages and bytes of every table and index.
SELECT name, count(*), sum(pgsize) FROM dbstat GROUP BY name
