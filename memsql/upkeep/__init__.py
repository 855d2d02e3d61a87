"""Upkeep of a database: build indexes anew, gather statistics, give space back, move aside what refers to nothing."""
