"""Backups: proven copies of a database, each with a manifest beside it, and the way back."""
