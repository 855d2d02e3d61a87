-- Name and text of each trigger.
SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'
