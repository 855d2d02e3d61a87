"""Runs the SQL of somebody else in a process of its own, which can be ended: see process.isolated()."""

from memsql.sandbox.process import isolated

__all__ = ["isolated"]
