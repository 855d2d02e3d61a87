-- How far a rebuild has come, whether a row was replaced, and what tells that the schema changed.
SELECT
    frontier,
    replaced,
    (SELECT schema_version FROM pragma_schema_version) AS version
FROM memsql_fts_rebuild
WHERE name = ?
