"""FTS5: find the tables, say what is wrong, check, rebuild, optimise."""

from memsql.fts.check import (
    CheckResult,
    all_findings,
    check,
    check_in_transaction,
    findings,
    optimise,
    rebuild,
    rebuild_in_transaction,
    refuse_contentless,
)
from memsql.fts.diagnose import Finding
from memsql.fts.discover import FtsTable, discover, shown
from memsql.fts.extent import rows_for
from memsql.fts.online import abort, unfinished
from memsql.fts.rebuild_online import rebuild_online

__all__ = [
    "CheckResult",
    "Finding",
    "FtsTable",
    "abort",
    "all_findings",
    "check",
    "check_in_transaction",
    "discover",
    "findings",
    "optimise",
    "rebuild",
    "rebuild_in_transaction",
    "rebuild_online",
    "refuse_contentless",
    "rows_for",
    "shown",
    "unfinished",
]
