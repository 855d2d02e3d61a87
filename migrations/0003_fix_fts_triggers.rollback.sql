-- Puts back the FTS5 triggers as release 1.3.5 shipped them, mistakes included.
-- allow: MS15 the way back restores what was shipped

DROP TRIGGER memories_fts_delete;
DROP TRIGGER memories_fts_update;
DROP TRIGGER entities_fts_delete;
DROP TRIGGER entities_fts_update;

CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
END;

CREATE TRIGGER memories_fts_update AFTER UPDATE ON memories BEGIN
    DELETE FROM memories_fts WHERE rowid = old.id;
    INSERT INTO memories_fts (rowid, title, content, tags)
    VALUES (new.id, new.title, new.content, new.tags);
END;

CREATE TRIGGER entities_fts_delete AFTER DELETE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
END;

CREATE TRIGGER entities_fts_update AFTER UPDATE ON entities BEGIN
    DELETE FROM entities_fts WHERE rowid = old.id;
    INSERT INTO entities_fts (rowid, name, description, notes, tags)
    VALUES (new.id, new.name, new.description, new.notes, new.tags);
END;

-- The index itself stays right; it goes wrong again with the next update or delete.
INSERT INTO memories_fts (memories_fts) VALUES ('rebuild');
INSERT INTO entities_fts (entities_fts) VALUES ('rebuild');
