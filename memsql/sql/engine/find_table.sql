-- Loss guard: the table ?1, in any case, as the schema spells it.
SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE
