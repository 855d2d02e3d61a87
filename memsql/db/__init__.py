"""Connections: one protocol, an implementation per kind of database."""

from memsql.db.connect import connect, connection, rolled_back, transaction
from memsql.db.protocol import Connection, Item, Params, Result, Script, Touched, Value

__all__ = [
    "Connection",
    "Item",
    "Params",
    "Result",
    "Script",
    "Touched",
    "Value",
    "connect",
    "connection",
    "rolled_back",
    "transaction",
]
