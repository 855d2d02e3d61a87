-- Undoes phase 2, so that users.api_key_hash becomes users.api_key again where it was.

-- Another tool may have run this phase, and then nothing was recorded. If the database looks like release 1.2
-- after phase 2, it goes back to the shape of release 1.2 after phase 1; anything else stays as it is.
WITH known (type, name, tbl_name) AS (
    VALUES
    ('column', 'api_key', 'users'),
    ('index', 'idx_users_api_key', 'users')
)

INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'phase2', type, name, tbl_name, NULL
FROM known
WHERE
    NOT EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'phase2')
    AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'idx_users_api_key_hash')
    AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'idx_memories_importance');

INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'phase2', type, name, tbl_name, sql
FROM sqlite_schema
WHERE NOT EXISTS (SELECT 1 FROM memsql_legacy_objects WHERE phase = 'phase2');

-- when: 'idx_users_api_key_hash' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase2')
DROP INDEX IF EXISTS idx_users_api_key_hash;

-- Both columns existed: a filled value goes only where it still equals its source, so nothing is lost.
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key_hash')
UPDATE users SET api_key_hash = NULL
WHERE
    api_key_hash = api_key
    AND id IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase2' AND type = 'filled');

-- Only the old column existed.
-- when: 'api_key' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase2' AND type = 'column')
-- when: 'api_key_hash' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase2' AND type = 'column')
-- when: NOT EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key_hash')
ALTER TABLE users RENAME COLUMN api_key_hash TO api_key;

-- when: 'idx_users_api_key' IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'phase2')
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
CREATE INDEX IF NOT EXISTS idx_users_api_key ON users (api_key);
