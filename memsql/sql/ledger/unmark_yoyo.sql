-- No longer applied, in yoyo's eyes.
DELETE FROM "_yoyo_migration" WHERE migration_hash = ?
