"""Estimates from the text of migrations, and the tables that are there, how much of the disk they need.

Counted is what certainly needs space: tables that are updated whole, rows that are copied, indexes. What a condition
chooses of an UPDATE, what triggers do and what reads tables that are not there yet is not counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from memsql.advise.disk import DiskNeed
from memsql.db import Connection, Params
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.job import Job
from memsql.errors import StatementError
from memsql.sqltext import effect, fold, quote, statements
from memsql.sqltext.tokens import Token, outside, tokenize
from memsql.sqltext.writes import parse_write
from memsql.words import size

_SECONDS = 10.0
_SAMPLE_ROWS = 500
_ENTRY_BYTES = 4
# A file that is larger is a load of rows, of which about a third of the text is stored at least.
_READ_BYTES = 1 << 20
_STORED_SHARE = 3
_concerns = re.compile(rb"update|index|select|drop|rebuild", re.IGNORECASE).search
_LOG_MODES = frozenset({"wal"})
_NO_JOURNAL = frozenset({"memory", "off"})


def estimates(conn: Connection, jobs: Sequence[Job]) -> tuple[list[DiskNeed], int]:
    """What each of ``jobs`` needs on the disk of ``conn``, a file, and how many bytes of its pages are free. Reads the
    database for about ten seconds at most."""
    assert isinstance(conn, SQLiteConnection)
    conn.confine()
    scales = _Scales(conn, time.monotonic() + _SECONDS)
    journal = str(conn.execute("PRAGMA journal_mode").one())
    free, page = (int(str(conn.execute(f"PRAGMA {name}").one())) for name in ("freelist_count", "page_size"))
    return [_need(job, scales, journal) for job in jobs], free * page


def _need(job: Job, scales: _Scales, journal: str) -> DiskNeed:
    grown = grows = rewritten = 0
    reasons: list[str] = []
    for part in _parts(job, scales):
        # What is freed serves what comes after it.
        grown, rewritten = grown + part.grows, rewritten + part.rewritten
        grows = max(grows, grown)
        grown -= part.freed
        if part.grows or part.rewritten:
            reasons.append(f"{part.what}: {size(part.grows + part.rewritten)}")
    in_journal = 0 if journal in _NO_JOURNAL else rewritten + (grows if journal in _LOG_MODES else 0)
    return DiskNeed(job.migration.id, grows, in_journal, grows - grown, tuple(reasons))


@dataclass(frozen=True, slots=True)
class _Part:
    """What one statement needs: bytes of new pages, of pages that it writes again, of pages that it frees."""

    what: str
    grows: int = 0
    rewritten: int = 0
    freed: int = 0


def _parts(job: Job, scales: _Scales) -> Iterator[_Part]:
    data = job.file.data
    if len(data) > _READ_BYTES:
        yield _Part("the rows in its text", grows=len(data) // _STORED_SHARE)
        return
    if not _concerns(data):
        return
    for name in job.header.fts_rebuild:
        weight = scales.shadows(name)
        yield _Part(f"rebuilds {name}", grows=weight, rewritten=weight)
    for statement in statements(job.file.text()):
        yield from _of_statement(statement.text, scales)


def _of_statement(text: str, scales: _Scales) -> Iterator[_Part]:
    did = effect(text)
    table = did.table or did.name or ""
    match did.kind, did.object_type:
        case "create", "index":
            # IF NOT EXISTS does nothing where it is there.
            if scales.is_new(did.name or ""):
                yield _Part(f"builds an index on {table}", grows=scales.index(text, table))
        case "drop", "index":
            yield _Part(f"drops {did.name}", freed=scales.dropped(did.name or ""))
        case "alter_drop_column", _:
            yield _Part(f"writes {table} anew", rewritten=scales.table(table))
        case "drop", "table":
            yield _Part(f"drops {table}", freed=scales.table(table))
        case ("create", "table") | ("insert" | "replace" | "update" | "other", _):
            yield from _of_write(text, scales)


def _of_write(text: str, scales: _Scales) -> Iterator[_Part]:
    tokens = tokenize(text)
    write = parse_write(tokens)
    if write is None or write.schema == "temp":
        return
    if write.verb == "update" and not write.some:
        yield _Part(f"updates all of {write.table}", rewritten=scales.table(write.table))
    elif write.verb in ("insert", "create") and write.select is not None:
        yield _Part(f"copies rows into {write.table}", grows=scales.rows(_select_text(text, tokens)))


def _select_text(text: str, tokens: Sequence[Token]) -> str:
    """The SELECT of an INSERT or CREATE TABLE … AS with the WITH before either; "" where it is not alone."""
    first = next((t for _, t in outside(tokens) if t.word in ("INSERT", "REPLACE", "CREATE")), None)
    behind = [t for _, t in outside(tokens) if first is not None and t.start > first.start]
    start = next((t for t in behind if t.word in ("SELECT", "WITH", "VALUES")), None)
    if first is None or start is None:
        return ""
    later = [t for t in behind if t.start > start.start]
    ends = [t.start for t in later if t.word in (";", "RETURNING")]
    ends += [a.start for a, b in pairwise(later) if (a.word, b.word) == ("ON", "CONFLICT")]
    return text[: first.start] + text[start.start : min(ends, default=len(text))]


@dataclass
class _Scales:
    """Weighs what is there on ``conn``, until ``ends``; what cannot be weighed in time weighs nothing."""

    conn: Connection
    ends: float
    _weights: dict[str, int] | None = None
    _seen: dict[str, int] = field(default_factory=dict)
    _indexes: dict[str, bool] = field(default_factory=dict)

    def table(self, name: str) -> int:
        """The bytes of the pages of a table; 0 where there is none, or this SQLite has no dbstat."""
        if self._weights is None:
            rows = self._rows(load("operate/dbstat"))
            self._weights = {fold(str(name)): int(str(weight)) for name, _, weight in rows}
        return self._weights.get(fold(name), 0)

    def is_new(self, index: str) -> bool:
        """Whether there is no ``index`` of that name yet; from now on there is."""
        is_there = self._is_there(index)
        self._indexes[fold(index)] = True
        return not is_there

    def dropped(self, index: str) -> int:
        """The bytes of the pages of an index that was there; from now on it is not."""
        is_there = self._is_there(index)
        is_old = fold(index) not in self._indexes
        self._indexes[fold(index)] = False
        return self.table(index) if is_there and is_old else 0

    def _is_there(self, index: str) -> bool:
        known = self._indexes.get(fold(index))
        return bool(self._rows(load("advise/has_index"), (index,))) if known is None else known

    def shadows(self, name: str) -> int:
        """The bytes of the tables behind a full-text index."""
        return sum(self.table(f"{name}_{part}") for part in ("data", "idx", "docsize", "content"))

    def index(self, text: str, table: str) -> int:
        """The bytes of the index that ``text`` creates; 0 for a partial one."""
        tokens = tokenize(text)
        on = next((n for n, t in enumerate(tokens) if t.word == "ON"), len(tokens))
        opening = next((n for n, t in enumerate(tokens) if n > on and t.word == "("), None)
        if opening is None or any(t.word == "WHERE" for _, t in outside(tokens)):
            return 0
        depth = 0
        kept = []
        for token in tokens[opening + 1 :]:
            depth += (token.word == "(") - (token.word == ")")
            if depth < 0:
                break
            if not (depth == 0 and token.word in ("ASC", "DESC")):
                kept.append(text[token.start : token.end])
        return self.rows(f"SELECT {' '.join(kept)} FROM {quote(table)}", _ENTRY_BYTES)

    def rows(self, select: str, more: int = _ENTRY_BYTES) -> int:
        """The bytes that the rows of ``select`` take, by a sample of them; ``more`` for each row."""
        if not select:
            return 0
        if select not in self._seen:
            sample = self._rows(f"SELECT * FROM ({select}\n) LIMIT {_SAMPLE_ROWS}")
            count = self._rows(f"SELECT count(*) FROM ({select}\n)") if sample else []
            each = sum(sum(map(_stored, row)) + more for row in sample) / (len(sample) or 1)
            self._seen[select] = int(each * int(str(count[0][0]))) if count else 0
        return self._seen[select]

    def _rows(self, sql: str, params: Params = ()) -> Sequence[tuple[object, ...]]:
        try:
            with self.conn.observe(lambda: time.monotonic() > self.ends):
                return self.conn.execute(sql, params).rows
        except StatementError:
            return []


def _stored(value: object) -> int:
    """About how many bytes ``value`` takes in a row, with its part of the header."""
    if isinstance(value, str):
        return 1 + len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return 1 + len(value)
    if isinstance(value, int):
        return 1 + min(8, (abs(value).bit_length() + 7) // 8)
    return 1 if value is None else 9
