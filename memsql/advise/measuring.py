"""What proposed indexes really save: the queries run on a clone with all rows, without the indexes and with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memsql.advise.costs import RowsRead, costs_of
from memsql.advise.proposals import Proposal
from memsql.advise.queries import planned_of
from memsql.config import Settings
from memsql.db import Connection
from memsql.db.clone import clone
from memsql.db.queries import load
from memsql.progress import SILENT, Progress
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query
from memsql.sqltext.names import quote

SMALL = 8 << 20
"""A file of so many bytes at most is cloned and measured without being told to."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows that one run of a query reads without the proposed indexes, and with them."""

    before: RowsRead
    after: RowsRead

    @property
    def is_known(self) -> bool:
        """Whether something counted both runs."""
        return all(rows.at_most is not None and rows.steps is not None for rows in (self.before, self.after))


def is_small(settings: Settings) -> bool:
    """Whether the database is a small file."""
    path = settings.target.path
    return path is not None and path.exists() and path.stat().st_size <= SMALL


def measure(settings: Settings, proposals: Sequence[Proposal], progress: Progress = SILENT) -> dict[str, Measured]:
    """What the queries read that ``proposals`` are for, by path. All proposals are there together.

    Raises ConnectError where there is no room for the clone.
    """
    paths = {benefit.path for proposal in proposals for benefit in proposal.benefits}
    if not paths:
        return {}
    with clone(settings.target, settings.busy_timeout, progress) as copy:
        conn = copy.connection
        queries = [query for query in hot_queries(settings) if query.path in paths]
        before = _rows(conn, queries, progress)
        for proposal in proposals:
            conn.execute(proposal.statement)
        if conn.execute(load("advise/has_stat1")).rows:
            for proposal in proposals:
                conn.execute(f"ANALYZE {quote(proposal.name)}")
        after = _rows(conn, queries, progress)
    return {path: Measured(before[path], after[path]) for path in before.keys() & after.keys()}


def _rows(conn: Connection, queries: Collection[Query], progress: Progress) -> dict[str, RowsRead]:
    costs = costs_of(conn, planned_of(conn, list(queries)), budget=_SECONDS, progress=progress)
    return {cost.plan.path: cost.rows for cost in costs}
