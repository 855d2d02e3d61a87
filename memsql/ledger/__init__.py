"""The ledger: what the database says was applied, in yoyo's tables and in memsql's.

yoyo's tables decide what is applied, so that ``yoyo list`` always agrees. schema_migrations adds who, when, how long
and the checksum; memsql_history keeps every attempt. docs/formats.md specifies the columns.
"""

from memsql.ledger.model import COLUMNS, TABLES, Entry, Hashes, Ledger, Progress, Row, ScriptRow, utc_text, version_of
from memsql.ledger.reading import (
    assemble,
    columns_by_table,
    has_history,
    has_marks,
    questions,
    read,
    read_hashes,
    read_with,
    reads,
)
from memsql.ledger.writing import (
    add_history,
    applied_statements,
    create_tables,
    mark_all,
    mark_applied,
    mark_failed,
    mark_progress,
    mark_rolled_back,
    record_failure,
    rolled_back_statements,
    table_statements,
)

__all__ = [
    "COLUMNS",
    "TABLES",
    "Entry",
    "Hashes",
    "Ledger",
    "Progress",
    "Row",
    "ScriptRow",
    "add_history",
    "applied_statements",
    "assemble",
    "columns_by_table",
    "create_tables",
    "has_history",
    "has_marks",
    "mark_all",
    "mark_applied",
    "mark_failed",
    "mark_progress",
    "mark_rolled_back",
    "questions",
    "read",
    "read_hashes",
    "read_with",
    "reads",
    "record_failure",
    "rolled_back_statements",
    "table_statements",
    "utc_text",
    "version_of",
]
