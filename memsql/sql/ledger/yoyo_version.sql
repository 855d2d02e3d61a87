-- Say that yoyo's tables have internal schema version 2, since ?1 (UTC).
INSERT INTO "_yoyo_version" (version, installed_at_utc) VALUES (2, ?)
