-- The INSTEAD OF triggers of view ?1.
SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE
