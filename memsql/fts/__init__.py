"""FTS5: find the tables, say what is wrong, check, rebuild, optimise."""

from memsql.fts.check import (
    CheckResult,
    check,
    check_in_transaction,
    findings,
    optimise,
    rebuild,
    rebuild_in_transaction,
    refuse_contentless,
)
from memsql.fts.diagnose import Finding
from memsql.fts.discover import FtsTable, discover
from memsql.fts.online import abort, abort_by_name, rebuild_online, unfinished

__all__ = [
    "CheckResult", "Finding", "FtsTable", "abort", "abort_by_name", "check", "check_in_transaction", "discover",
    "findings", "optimise", "rebuild", "rebuild_in_transaction", "rebuild_online", "refuse_contentless", "unfinished",
]
