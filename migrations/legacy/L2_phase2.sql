-- Phase 2, medium risk. users.api_key becomes users.api_key_hash, every value kept.

DROP INDEX IF EXISTS idx_users_api_key;

-- Both columns exist: remember which rows get a value, then fill only the gaps. api_key stays as it is.
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key_hash')
INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT 'phase2', 'filled', id, 'users', NULL
FROM users
WHERE api_key_hash IS NULL AND api_key IS NOT NULL AND id IS NOT NULL;

-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key_hash')
UPDATE users SET api_key_hash = api_key WHERE api_key_hash IS NULL AND api_key IS NOT NULL;

-- Only the old column exists: it takes the new name.
-- when: EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key')
-- when: NOT EXISTS (SELECT 1 FROM pragma_table_info('users') WHERE name = 'api_key_hash')
ALTER TABLE users RENAME COLUMN api_key TO api_key_hash;

CREATE INDEX IF NOT EXISTS idx_users_api_key_hash ON users (api_key_hash);
