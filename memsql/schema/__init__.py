"""The schema of a database: read, compare, write down as SQL or as a diagram."""

from memsql.schema.diagram import mermaid
from memsql.schema.diff import SchemaDiff, diff
from memsql.schema.dump import dump
from memsql.schema.erd import Attribute, Entity, Erd, Relation, erd
from memsql.schema.load import from_sql
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table
from memsql.schema.read import read
from memsql.sqltext.internal import is_internal

__all__ = [
    "Attribute",
    "Column",
    "Entity",
    "Erd",
    "ForeignKey",
    "Object",
    "Relation",
    "Schema",
    "SchemaDiff",
    "Table",
    "diff",
    "dump",
    "erd",
    "from_sql",
    "is_internal",
    "mermaid",
    "read",
]
