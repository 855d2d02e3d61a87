-- yoyo's own table, as its internal schema version 2 creates it.
CREATE TABLE "_yoyo_migration" (
    "migration_hash" VARCHAR(64),
    "migration_id" VARCHAR(255),
    "applied_at_utc" TIMESTAMP,
    PRIMARY KEY ("migration_hash")
)
