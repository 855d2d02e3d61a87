-- Tell yoyo that its tables are at internal version 2.
INSERT INTO "_yoyo_version" (version, installed_at_utc) VALUES (2, ?)
