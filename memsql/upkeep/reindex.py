"""Build indexes anew from their tables, each in a transaction of its own, and say which had disagreed with its table.

An index holds what its expressions, conditions and collations said when a row was written. Where a function or a
collation has changed since, with another version of SQLite, of ICU or of the application, it holds something else than
a new one would, and queries by it miss rows.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from memsql import hints, words
from memsql.db import Connection, Value, damage, transaction
from memsql.db.queries import load
from memsql.errors import LockedError, Refused, StatementError, UsageError
from memsql.progress import Progress
from memsql.sqltext import fold, quote
from memsql.sqltext.internal import VECTOR_INDEX
from memsql.upkeep.running import stating, watched

_BUILT_IN = frozenset({"binary", "nocase", "rtrim"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that can be built anew. ``depends``: on what its entries depend besides the values of its columns, such
    as ``an expression``. ``is_vector``: it is a vector index of libSQL."""

    name: str
    table: str
    depends: tuple[str, ...] = ()
    is_vector: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An index and what became of it. ``before`` and ``after`` are what integrity_check said of it; ``locked_ms`` is
    how long the write lock was held, None where it was not rebuilt, and ``problem`` why not."""

    candidate: Candidate
    before: tuple[str, ...] = ()
    locked_ms: float | None = None
    after: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Reindexing:
    """The result: ``notes`` are findings of integrity_check that are about no index; ``seconds`` with both checks."""

    indexes: tuple[Rebuilt, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every index was built anew and agrees with its table."""
        return not any(index.problem or index.after for index in self.indexes)


def candidates(conn: Connection) -> list[Candidate]:
    """Every index of the database, those of constraints among them, by table and name."""
    terms: dict[tuple[str, str], list[tuple[Value, ...]]] = defaultdict(list)
    for row in conn.execute(load("upkeep/indexes")).rows:
        terms[str(row[0]), str(row[1])].append(row)
    return [
        Candidate(name, table, _depends(rows), VECTOR_INDEX in fold(str(rows[0][2])))
        for (table, name), rows in terms.items()
    ]


def choose(known: Sequence[Candidate], index: str | None, table: str | None, *, expressions: bool) -> list[Candidate]:
    """The indexes of ``known`` that a person means: one, those of a table, those that depend on more than values, or
    all of them but vector indexes, which have to be named. Raises UsageError where there is none of that name."""
    if index is not None:
        return [c for c in known if fold(c.name) == fold(index)] or _none(f"index {index}", (c.name for c in known))
    usual = [c for c in known if not c.is_vector]
    if table is not None:
        usual = [c for c in usual if fold(c.table) == fold(table)]
        if not usual:
            _none(f"index of a table {table}", dict.fromkeys(c.table for c in known))
    return [c for c in usual if c.depends or not expressions]


def by_index(lines: Iterable[str], names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The ``lines`` of integrity_check by the index that each is about, and those that are about none of ``names``."""
    # The longest first: a name may begin like another one.
    ordered = sorted(names, key=len, reverse=True)
    about: dict[str, list[str]] = defaultdict(list)
    others: list[str] = []
    for line in lines:
        name = next((n for n in ordered if re.search(rf"\bindex {re.escape(n)}(?!\w)", line)), None)
        (others if name is None else about[name]).append(line)
    return about, others


def look(conn: Connection, chosen: Sequence[Candidate], progress: Progress) -> tuple[list[Rebuilt], tuple[str, ...]]:
    """Hold ``chosen`` against their tables without changing anything: each with what was found, and what is about none.

    Raises Refused where the database is damaged in a way that no new index mends.
    """
    lines = _integrity(conn, chosen, progress)
    about, others = by_index(lines, (c.name for c in chosen))
    damaged = damage.of_pages(others)
    if damaged:
        raise Refused(
            f"{conn.target} is damaged, and new indexes would not mend that",
            details=tuple(damaged[:10]),
            state="nothing was changed",
            hint=f"see: {hints.command('verify --deep')}; then restore a backup: "
            f"{hints.command('backup.restore --replace')}",
        )
    return [Rebuilt(c, tuple(about.get(c.name, ()))) for c in chosen], tuple(others)


def reindex(conn: Connection, chosen: Sequence[Candidate], progress: Progress) -> Reindexing:
    """Build ``chosen`` anew. Before and afterwards they are held against their tables, without a lock.

    Raises Interrupted where a signal came; those that were built before it stay.
    """
    started = time.perf_counter()
    done: list[Rebuilt] = []
    with stating("maintain.reindex", lambda: _state(len(done), len(chosen))) as stopped, watched(conn, stopped):
        before, notes = look(conn, chosen, progress)
        for number, one in enumerate(before):
            progress.start(f"building {one.candidate.name} anew")
            progress.tick(number / len(before))
            done.append(_build(conn, one, stopped))
        about, _ = by_index(_integrity(conn, chosen, progress), (c.name for c in chosen))
    indexes = tuple(replace(one, after=tuple(about.get(one.candidate.name, ()))) for one in done)
    return Reindexing(indexes, notes, time.perf_counter() - started)


def _build(conn: Connection, index: Rebuilt, stopped: Callable[[], bool]) -> Rebuilt:
    if stopped():
        raise KeyboardInterrupt
    started = time.perf_counter()
    try:
        with transaction(conn):
            started = time.perf_counter()
            conn.execute(f"REINDEX main.{quote(index.candidate.name)}")
    except LockedError:
        raise
    except StatementError as e:
        if e.is_interrupt:
            raise
        return replace(index, problem=e.message)
    return replace(index, locked_ms=(time.perf_counter() - started) * 1000)


def _integrity(conn: Connection, chosen: Sequence[Candidate], progress: Progress) -> list[str]:
    lines = []
    for table in dict.fromkeys(c.table for c in chosen):
        progress.start(f"checking the indexes of {table}")
        lines += damage.lines_of(conn.execute(f"PRAGMA main.integrity_check({quote(table)})"))
    return lines


def _depends(rows: Sequence[tuple[Value, ...]]) -> tuple[str, ...]:
    reasons = {
        "an expression": any(row[4] == -2 for row in rows),
        "a condition": bool(rows[0][3]),
        "a generated column": any(row[6] for row in rows),
    }
    collations = dict.fromkeys(str(row[5]) for row in rows if fold(str(row[5] or "binary")) not in _BUILT_IN)
    return (*(reason for reason, holds in reasons.items() if holds), *(f"collation {name}" for name in collations))


def _none(what: str, names: Iterable[str]) -> list[Candidate]:
    raise UsageError(
        f"there is no {what}", state="nothing was changed", hint=f"there are: {', '.join(names) or 'none'}"
    )


def _state(done: int, total: int) -> str:
    if not done:
        return "nothing was changed"
    rest = "" if done == total else f"; left as before: {total - done}"
    return f"{words.count(done, 'index was', 'indexes were')} built anew and committed{rest}"
