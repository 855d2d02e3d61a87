-- The counters of AUTOINCREMENT for tables that kept no row.
INSERT INTO main.sqlite_sequence
SELECT name, seq FROM damaged.sqlite_sequence AS old
WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence AS new WHERE new.name = old.name)
