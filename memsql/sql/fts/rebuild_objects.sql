-- The new index ?1 and its triggers ?2, ?3 and ?4, with their text, as far as they exist.
SELECT name, sql FROM sqlite_schema WHERE name IN (?, ?, ?, ?)
