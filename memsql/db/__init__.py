"""Connections: one protocol, an implementation per kind of database."""

from memsql.db.connect import connect
from memsql.db.protocol import Connection, Params, Result, Touched, Value

__all__ = ["Connection", "Params", "Result", "Touched", "Value", "connect"]
