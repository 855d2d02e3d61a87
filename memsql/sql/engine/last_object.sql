-- Structure: the place of the newest object; SQLite gives each new one a higher place.
SELECT max(rowid) FROM sqlite_schema
