"""FTS5: discover the indexes, diagnose their triggers, check, rebuild and optimise them."""

from memsql.fts.check import (
    CheckResult,
    all_problems,
    check,
    check_in_transaction,
    doubt_about,
    optimise,
    problems_of,
    prove_in_transaction,
    rebuild,
    rebuild_in_transaction,
    refuse_contentless,
)
from memsql.fts.diagnose import Problem
from memsql.fts.discover import FtsTable, discover, named, shown
from memsql.fts.extent import rows_for
from memsql.fts.filling import guarded
from memsql.fts.online import abort, unfinished
from memsql.fts.rebuild_online import rebuild_online

__all__ = [
    "CheckResult",
    "FtsTable",
    "Problem",
    "abort",
    "all_problems",
    "check",
    "check_in_transaction",
    "discover",
    "doubt_about",
    "guarded",
    "named",
    "optimise",
    "problems_of",
    "prove_in_transaction",
    "rebuild",
    "rebuild_in_transaction",
    "rebuild_online",
    "refuse_contentless",
    "rows_for",
    "shown",
    "unfinished",
]
