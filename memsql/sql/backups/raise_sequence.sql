-- Salvage: raise the AUTOINCREMENT counters to the old ones, so that no number of a lost row is used again.
UPDATE main.sqlite_sequence
SET seq = max(seq, (SELECT old.seq FROM damaged.sqlite_sequence AS old WHERE old.name = sqlite_sequence.name))
WHERE name IN (SELECT name FROM damaged.sqlite_sequence)
