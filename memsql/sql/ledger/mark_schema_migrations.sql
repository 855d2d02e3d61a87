-- Write what is true of a version now; it replaces the row of an earlier attempt.
INSERT INTO schema_migrations (version, name, description, applied_at, applied_by, duration_ms, checksum, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (version) DO UPDATE SET
    name = excluded.name,
    description = excluded.description,
    applied_at = excluded.applied_at,
    applied_by = excluded.applied_by,
    duration_ms = excluded.duration_ms,
    checksum = excluded.checksum,
    status = excluded.status
