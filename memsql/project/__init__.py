"""The folder on disk: migrations, plan, checks and queries."""
