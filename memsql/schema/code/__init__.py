"""Holds a schema against the models in source code, and writes models for a schema.

Source code is read as text. Nothing of it is imported or run.
"""

from memsql.schema.code.compare import Comparison, compare
from memsql.schema.code.findings import Finding
from memsql.schema.code.python_reader import read_python
from memsql.schema.code.types import Source
from memsql.schema.code.typescript_reader import read_typescript
from memsql.schema.code.write_python import write_python
from memsql.schema.code.write_typescript import write_typescript

__all__ = [
    "Comparison",
    "Finding",
    "Source",
    "compare",
    "read_python",
    "read_typescript",
    "write_python",
    "write_typescript",
]
