"""Running memsql in production: what stands between an operator and a protected database, and what watches it."""
