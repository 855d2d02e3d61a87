-- The text of the new index and of our triggers, as far as they are there.
SELECT name, sql FROM sqlite_schema WHERE name IN (?, ?, ?, ?)
