-- Vacuum: bytes and unused bytes of each table and index, by whether the pages hold the rest of long rows.
SELECT name, pagetype = 'overflow' AS is_rest, sum(pgsize), sum(unused) FROM dbstat GROUP BY 1, 2
