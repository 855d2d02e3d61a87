-- Where the last rows are lost, their numbers must not be given again.
UPDATE main.sqlite_sequence
SET seq = max(seq, (SELECT old.seq FROM damaged.sqlite_sequence AS old WHERE old.name = sqlite_sequence.name))
WHERE name IN (SELECT name FROM damaged.sqlite_sequence)
