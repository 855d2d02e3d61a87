"""The targets: one module for each reader, or for readers of one kind, with its targets in ``TARGETS``."""
