"""Finds conditions of a copy that leave out no made-up row, so that nothing is known of the rows that they leave out
(MR15)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from memsql.db import rolled_back
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, StatementError
from memsql.lint import Finding
from memsql.project.admission import enforces_keys
from memsql.review.case import Case
from memsql.review.findings import finding_of
from memsql.schema import Schema
from memsql.scratch.database import copy_of
from memsql.sqltext import Effect, Statement, effect, fold, quote, statements
from memsql.sqltext.selects import Arm, Select, constant_of, tables_of
from memsql.sqltext.tokens import Token, outside, split_outside, tokenize
from memsql.sqltext.writes import Write, parse_write

_STATEMENTS, _FILTERS = 300, 12
_CLAUSES = frozenset({"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "RETURNING"})
_NO_COLUMNS = frozenset({"TRUE", "FALSE", "NULL", "NOT", "IS", "AND", "OR", "IN"})


@dataclass(frozen=True, slots=True)
class _Filter:
    """A condition of a SELECT, in words; two queries count the rows without it and with it. ``count`` is a query of the
    rows that it leaves out, empty where none can be written."""

    words: str
    without: str
    with_it: str
    count: str = ""


def leaves_nothing_out(case: Case, samples: Sequence[SQLiteConnection], before: Schema) -> Iterator[Finding]:
    """A finding for each condition by which a statement copies rows of a table that the migration then drops, or drops
    a column of, where all rows of ``samples`` satisfy it. ``before`` is the schema of the samples."""
    if case.up_may_lose:
        return
    parsed = [
        (statement, effect(statement.text), parse_write(tokenize(statement.text)))
        for statement in islice(statements(case.migration.up.text()), _STATEMENTS)
    ]
    effects = [what for _, what, _ in parsed]
    if not any(e.kind in ("drop", "alter_drop_column") for e in effects):
        return
    asked: dict[int, list[tuple[str, _Filter]]] = {}
    for number, (statement, _, write) in enumerate(parsed):
        if write is None or write.ignores or write.verb == "delete":
            continue
        for source, condition in islice(_filters(statement.text, write, before), _FILTERS):
            if _is_dropped(source, effects[number + 1 :]):
                asked.setdefault(number, []).append((source, condition))
    if not asked:
        return
    splits: set[_Filter] = set()
    ran: set[int] = set()
    for sample in samples:
        _try(case, sample, [s for s, _, _ in parsed[: max(asked) + 1]], (asked, splits, ran))
    for number, listed in asked.items():
        for source, condition in dict.fromkeys(listed):
            if number in ran and condition not in splits:
                yield _finding(case, parsed[number][0], source, condition)


def _try(
    case: Case,
    sample: SQLiteConnection,
    listed: Sequence[Statement],
    notes: tuple[dict[int, list[tuple[str, _Filter]]], set[_Filter], set[int]],
) -> None:
    """Run the statements on ``sample``; note the filters that leave out rows, and the statements that ran."""
    asked, splits, ran = notes
    enforced = enforces_keys(case.migration.header, case.migration.up.text())
    with copy_of(sample) as conn:
        conn.execute(f"PRAGMA foreign_keys = {'on' if enforced else 'off'}")
        with rolled_back(conn):
            for number, statement in enumerate(listed):
                splits |= {condition for _, condition in asked.get(number, ()) if _splits(conn, condition)}
                try:
                    conn.execute(statement.text)
                except MemsqlError:
                    return
                ran.add(number)


def _splits(conn: SQLiteConnection, condition: _Filter) -> bool:
    """Whether it leaves out some row; also where that cannot be said."""
    try:
        every, some = (conn.execute(query).one() for query in (condition.without, condition.with_it))
    except StatementError:
        return True
    return every != some or every == 0


def _finding(case: Case, statement: Statement, source: str, condition: _Filter) -> Finding:
    message = f"{source}: no made-up row is left out by {condition.words}, so what becomes of such rows was not tried"
    fix = f"count the rows that it leaves out in production first:\n{condition.count};" if condition.count else ""
    return finding_of("MR15", case.up, message, line=statement.line, statement=statement.text, fix=fix)


def _is_dropped(table: str, behind: Sequence[Effect]) -> bool:
    """Whether the statements ``behind`` drop the table or a column of it, under whatever name it has then."""
    names = {fold(table)}
    for what in behind:
        if fold(what.name or "") not in names:
            continue
        if what.kind == "alter_drop_column" or (what.kind == "drop" and what.object_type == "table"):
            return True
        if what.kind == "alter_rename":
            names = {fold(what.new_name or "")}
    return False


def _filters(text: str, write: Write, before: Schema) -> Iterator[tuple[str, _Filter]]:
    """The conditions of a statement, each with the table of which it chooses rows."""
    if write.verb == "update":
        table = before.table(write.table)
        if table is None or write.sources or write.alias:
            return
        names = {fold(c.name) for c in table.columns}
        every = f"SELECT count(*) FROM {quote(write.table)}"
        for term in _terms(write.condition):
            # A column that is new has one value in all rows.
            if names & {token.name for token in term}:
                shown = text[term[0].start : term[-1].end]
                count = f"{every} WHERE ({shown}) IS NOT TRUE"
                yield write.table, _Filter(f"WHERE {_flat(shown)}", every, f"{every} WHERE {shown}", count)
        return
    rows = _rows(text)
    if rows is not None and write.select is not None:
        for arm in _arms(write.select):
            yield from _of_arm(text, rows, arm, write.select)
        head, start, end = rows
        for word, place in ((t.word, t.start) for _, t in outside(tokenize(text)) if start < t.start < end):
            sources = tables_of(write.select) if word in ("EXCEPT", "INTERSECT") else ()
            if sources:
                without, with_it = (f"{head}SELECT count(*) FROM ({text[start:stop]})" for stop in (place, end))
                yield sources[0], _Filter(_flat(text[place:end]), without, with_it)


def _of_arm(text: str, rows: tuple[str, int, int], arm: Arm, whole: Select) -> Iterator[tuple[str, _Filter]]:
    head, start, end = rows
    sources = tables_of(Select((arm,), whole.ctes))
    if not sources:
        return

    def counted(*changes: tuple[int, int, str]) -> str:
        # A condition of a common table expression stands before the INSERT.
        query, before = text[start:end], head
        for begin, stop, instead in sorted(changes, reverse=True):
            if begin >= start:
                query = query[: begin - start] + instead + query[stop - start :]
            else:
                before = before[:begin] + instead + before[stop:]
        return f"{before}SELECT count(*) FROM ({query})"

    clauses = _clauses(arm.conditions)
    for word in ("HAVING", "LIMIT"):
        tokens = clauses.get(word, ())
        if tokens and not (word == "LIMIT" and (constant_of(tokens) or "").startswith("-")):
            place = tokens[0].start, tokens[-1].end
            without = counted((*place, "1" if word == "HAVING" else "-1"))
            yield sources[0], _Filter(f"{word} {_flat(text[slice(*place)])}", without, counted())
    where = clauses.get("WHERE", ())
    if not where:
        return
    place = where[0].start, where[-1].end
    # With several sources, the conditions that join them are needed.
    terms = _terms(where) if len(arm.sources) == 1 else [where] if _names_columns(where) else []
    for term in terms:
        shown = text[term[0].start : term[-1].end]
        plain = len(arm.sources) == 1 and arm.sources[0].select is None and arm.sources[0].table not in whole.ctes
        label = f" AS {quote(arm.sources[0].alias)}" if arm.sources[0].alias else ""
        count = f"SELECT count(*) FROM {quote(sources[0])}{label} WHERE ({_flat(shown)}) IS NOT TRUE" if plain else ""
        yield (
            sources[0],
            _Filter(f"WHERE {_flat(shown)}", counted((*place, "1")), counted((*place, f"({shown}\n)")), count),
        )


def _rows(text: str) -> tuple[str, int, int] | None:
    """The WITH before an INSERT, and where the SELECT of the statement begins and ends."""
    tokens = tokenize(text)
    verbs = [t for _, t in outside(tokens) if t.word in ("INSERT", "REPLACE", "CREATE")]
    if not verbs:
        return None
    behind = [t for _, t in outside(tokens) if t.start > verbs[0].start]
    begin = next((t for t in behind if t.word in ("SELECT", "WITH")), None)
    if begin is None:
        return None
    ends = (t.start for t in behind if t.start > begin.start and t.word in ("RETURNING", ";"))
    return text[: verbs[0].start], begin.start, next(ends, tokens[-1].end)


def _arms(select: Select) -> Iterator[Arm]:
    """The SELECTs of which rows are returned, those behind FROM and those of common table expressions included."""
    for one in (select, *select.ctes.values()):
        for arm in one.arms:
            yield arm
            for source in arm.sources:
                if source.select is not None:
                    yield from _arms(source.select)


def _clauses(tokens: Sequence[Token]) -> dict[str, Sequence[Token]]:
    """What stands behind each keyword of the end of a SELECT."""
    places = [(place, token.word) for place, token in outside(tokens) if token.word in _CLAUSES]
    ends = (place for place, _ in (*places[1:], (len(tokens), "")))
    return {word: tokens[place + 1 : end] for (place, word), end in zip(places, ends, strict=False)}


def _terms(condition: Sequence[Token]) -> list[Sequence[Token]]:
    """The parts of a condition that AND joins and that name a column; the condition itself where there is an OR."""
    words = {token.word for _, token in outside(condition)}
    parts = [condition] if words & {"OR", "CASE"} else split_outside(condition, "AND")
    return [part for part in parts if _names_columns(part)]


def _names_columns(tokens: Sequence[Token]) -> bool:
    return any(t.kind == "quoted" or (t.kind == "word" and t.word not in _NO_COLUMNS) for t in tokens)


def _flat(sql: str) -> str:
    return " ".join(sql.split())
