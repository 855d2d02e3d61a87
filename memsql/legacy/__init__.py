"""Databases from before the baseline: recognise them by their shape, upgrade them, take them over."""
