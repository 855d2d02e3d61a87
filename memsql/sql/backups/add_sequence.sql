-- Salvage: add the AUTOINCREMENT counters of tables of which no row was kept.
INSERT INTO main.sqlite_sequence
SELECT name, seq FROM damaged.sqlite_sequence AS old
WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence AS new WHERE new.name = old.name)
