"""FTS5: find the tables, say what is wrong, check, rebuild, optimise."""

from memsql.fulltext.check import (
    CheckResult,
    check,
    check_in_transaction,
    findings,
    optimise,
    rebuild,
    rebuild_in_transaction,
    refuse_contentless,
)
from memsql.fulltext.diagnose import Finding
from memsql.fulltext.discover import FtsTable, discover
from memsql.fulltext.online import abort, rebuild_online

__all__ = [
    "CheckResult", "Finding", "FtsTable", "abort", "check", "check_in_transaction", "discover", "findings", "optimise",
    "rebuild", "rebuild_in_transaction", "rebuild_online", "refuse_contentless",
]
