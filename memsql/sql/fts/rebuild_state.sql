-- How far the online rebuild of index ?1 has come, whether a copied row was replaced, and the schema version.
SELECT
    frontier,
    replaced,
    (SELECT schema_version FROM pragma_schema_version) AS version
FROM memsql_fts_rebuild
WHERE name = ?
