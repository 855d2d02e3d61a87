-- The hashes of the files of each migration that counted as applied, the latest last.
SELECT h.version, h.checksum, h.up_hash, h.rollback_hash
FROM memsql_history AS h
WHERE h.version IS NOT NULL AND h.checksum IS NOT NULL AND h.up_hash IS NOT NULL
ORDER BY h.id
