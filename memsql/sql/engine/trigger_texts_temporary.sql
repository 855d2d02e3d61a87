-- Name and text of each TEMP trigger.
SELECT name, sql FROM sqlite_temp_schema WHERE type = 'trigger'
