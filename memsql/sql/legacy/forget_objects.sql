-- Delete the earlier record of legacy upgrade ?1.
DELETE FROM memsql_legacy_objects WHERE phase = ?
