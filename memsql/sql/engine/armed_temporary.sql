-- Tables and views whose writes may reach more because of a TEMP trigger.
SELECT lower(tbl_name) FROM sqlite_temp_schema WHERE type = 'trigger'
