"""Several processes at once on one database: commands, writers, readers, and yoyo itself."""
