"""Applying, rolling back, rehearsing, adopting: the only importer of yoyo."""
