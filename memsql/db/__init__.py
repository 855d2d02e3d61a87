"""Connections to databases: one protocol, one implementation for files and one for servers."""

from memsql.db.connect import Visit, commit, connect, connection, rolled_back, transaction
from memsql.db.protocol import Connection, Item, Params, Result, Script, Touched, Value

__all__ = [
    "Connection",
    "Item",
    "Params",
    "Result",
    "Script",
    "Touched",
    "Value",
    "Visit",
    "commit",
    "connect",
    "connection",
    "rolled_back",
    "transaction",
]
