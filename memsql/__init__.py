"""memsql: raw-SQL migrations for SQLite and libSQL, applied atomically and proven."""

__version__ = "0.1.0"
