-- Structure: is there a view or a trigger, which names other objects? A row if so.
SELECT 1 FROM sqlite_schema WHERE type IN ('view', 'trigger') LIMIT 1
