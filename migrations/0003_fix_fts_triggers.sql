-- Makes deletes and updates leave the FTS5 indexes right, and repairs both indexes.
-- depends: 0002_add_missing_indices

-- An external-content FTS5 table reads the tokens to remove from its content row. In an AFTER trigger
-- that row has gone or changed, so the old tokens stay. The 'delete' command is given the old values.
DROP TRIGGER memories_fts_delete;
DROP TRIGGER memories_fts_update;
DROP TRIGGER entities_fts_delete;
DROP TRIGGER entities_fts_update;

CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, title, content, tags)
    VALUES ('delete', old.id, old.title, old.content, old.tags);
END;

CREATE TRIGGER memories_fts_update AFTER UPDATE ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, title, content, tags)
    VALUES ('delete', old.id, old.title, old.content, old.tags);
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE TRIGGER entities_fts_delete AFTER DELETE ON entities BEGIN
    INSERT INTO entities_fts (entities_fts, rowid, name, description, notes, tags)
    VALUES ('delete', old.id, old.name, old.description, old.notes, old.tags);
END;

CREATE TRIGGER entities_fts_update AFTER UPDATE ON entities BEGIN
    INSERT INTO entities_fts (entities_fts, rowid, name, description, notes, tags)
    VALUES ('delete', old.id, old.name, old.description, old.notes, old.tags);
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

-- Tokens that the old triggers left behind go away only with a rebuild.
INSERT INTO memories_fts (memories_fts) VALUES ('rebuild');
INSERT INTO entities_fts (entities_fts) VALUES ('rebuild');
