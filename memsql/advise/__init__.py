"""What queries cost: how SQLite runs them, how many rows they read, and whether that is what their files promise."""
