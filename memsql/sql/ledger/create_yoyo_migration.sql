-- yoyo's applied migrations, as yoyo's internal schema version 2 creates them.
CREATE TABLE "_yoyo_migration" (
    "migration_hash" VARCHAR(64),
    "migration_id" VARCHAR(255),
    "applied_at_utc" TIMESTAMP,
    PRIMARY KEY ("migration_hash")
)
