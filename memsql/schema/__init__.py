"""The schema of a database: read, normalise, compare."""

from memsql.schema.diff import SchemaDiff, diff
from memsql.schema.internal import is_internal
from memsql.schema.model import Column, ForeignKey, Object, Schema, Table
from memsql.schema.normalise import normalise
from memsql.schema.read import read

__all__ = [
    "Column", "ForeignKey", "Object", "Schema", "SchemaDiff", "Table", "diff", "is_internal", "normalise", "read",
]
