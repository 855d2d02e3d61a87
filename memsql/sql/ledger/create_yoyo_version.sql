-- yoyo's schema version, as yoyo's internal schema version 2 creates it.
CREATE TABLE "_yoyo_version" (
    "version" INT NOT NULL PRIMARY KEY,
    "installed_at_utc" TIMESTAMP
)
