"""The schema of a database: read, compare, write down as SQL.

Diagrams are in ``erd`` and ``diagram`` of this package. Every command loads this file, and few need a diagram.
"""

from memsql.schema.diff import SchemaDiff, diff
from memsql.schema.dump import dump
from memsql.schema.load import from_sql
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table
from memsql.schema.read import questions, read
from memsql.sqltext.internal import is_internal

__all__ = [
    "Column",
    "ForeignKey",
    "Object",
    "Schema",
    "SchemaDiff",
    "Table",
    "diff",
    "dump",
    "from_sql",
    "is_internal",
    "questions",
    "read",
]
