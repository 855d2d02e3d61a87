-- An earlier record of the same upgrade gives way.
DELETE FROM memsql_legacy_objects WHERE phase = ?
