"""Which statements of a migration have to be judged, and how: the rule of the proof, on a file and on a server alike.

Each statement that can destroy is judged by the state just before it and just after it. A table that is dropped is
compared with those to which its rows were copied. What a foreign-key action, a trigger or REPLACE may destroy is kept
before the statement and compared after it. See docs/proof.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from memsql.db import Result, Touched
from memsql.db.authorizer import UPDATE
from memsql.engine.loss import effects, side_effects
from memsql.engine.loss.answers import integer
from memsql.engine.loss.arrivals import Arrival
from memsql.engine.loss.comparer import Answered
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.judging import Judge
from memsql.engine.loss.model import Account
from memsql.engine.loss.noting import Noting
from memsql.engine.loss.settled import Own
from memsql.engine.loss.tables import Table
from memsql.sqltext import fold, quote, writes
from memsql.sqltext.classify import Effect, effect
from memsql.sqltext.internal import KEPT
from memsql.sqltext.names import quote_string
from memsql.sqltext.writes import Write, read_write

THROUGH_VIEW = "through triggers of view"
_COUNTED = ("table", "virtual", "contentless")
_INDEXES = ("contentless", "virtual", "unreadable")
# Commands of FTS5 that delete no row (https://sqlite.org/fts5.html#special_insert_commands).
_UPKEEP = frozenset(
    {"automerge", "crisismerge", "flush", "integrity-check", "merge", "optimize", "pgsz", "rank", "rebuild"}
    | {"secure-delete", "usermerge"}
)
_WRITES = frozenset({"insert", "replace", "update", "delete"})


class Accounting(ABC):
    """Takes the statements of one migration, one after another. ``touched`` is what all of them reached,
    ``shadow_writes`` which trigger writes a shadow table (with its name), and of which virtual table."""

    def __init__(self, facts: Facts, *, foreign_keys: bool, drops: bool) -> None:
        """``foreign_keys``: whether the database enforces them. ``drops``: some statement drops a table."""
        self.touched = Touched()
        self.shadow_writes: dict[str, tuple[str, str]] = {}
        self._facts = facts
        self._foreign_keys, self._drops = foreign_keys, drops
        self._judge = Judge(facts, self._ask, at_once=self.asks_at_once)
        self._noting = Noting(facts, self._judge.trail)
        self._sequences: dict[str, str] = {}
        self._snapshots = 0

    asks_at_once: bool
    """Whether an answer is there when _ask() returns."""

    @property
    def has_copies(self) -> bool:
        """Whether rows of some table were kept."""
        return self._snapshots > 0

    @property
    def keeps_sequences(self) -> bool:
        """Whether the counter of an AUTOINCREMENT table was kept."""
        return bool(self._sequences)

    @abstractmethod
    def _ask(self, sql: str, then: Answered) -> None:
        """Ask the database now, with everything before done and nothing behind."""

    @abstractmethod
    def _perform(self, text: str, then: Answered | None = None) -> None:
        """Run a statement, of which nothing has to be kept."""

    @abstractmethod
    def _measure(self, text: str, write: Write | None, table: Table, then: Answered | None = None) -> None:
        """Run a statement, and keep before it what it may destroy besides. ``write`` is None for DROP TABLE."""

    def statement(self, text: str) -> None:
        """Take one statement."""
        what = effect(text)
        name = fold(what.name or "")
        if what.kind == "drop" and what.object_type == "table":
            self._drop(text, name)
            return
        if what.kind == "alter_drop_column":
            table = self._facts.table(name)
            if table is not None:
                self._judge.drop_column(table, fold(what.column or ""))
            with self._watched_copies([name]):
                self._perform(text)
            return
        if what.kind in _WRITES or (what.kind == "create" and what.object_type == "table"):
            write = read_write(text)
            if write is not None:
                self._write(text, write)
                return
        existed = what.kind == "create" and self._facts.table(name) is not None
        self._perform(text)
        self._follow(what, name, existed=existed)

    def _finish(self) -> None:
        """After the last statement: judge what only TEMP tables hold, and raise sequences that sank."""
        for name in sorted(self._judge.trail.holders):
            table = self._facts.table(name)
            if table is not None and table.schema == "temp":
                self._judge.drop(table)
        for label, kept in self._sequences.items():
            self._raise_sequence(label, kept)

    def _follow(self, what: Effect, name: str, *, existed: bool) -> None:
        trail = self._judge.trail
        if what.kind == "create" and what.object_type in ("table", "virtual") and not existed:
            trail.created.add(name)
        elif what.kind == "alter_rename" and what.new_name:
            trail.renamed(name, fold(what.new_name))
        elif what.kind == "alter_add_column" and what.column:
            trail.column_added(name, fold(what.column))
        elif what.kind == "alter_rename_column" and what.column and what.new_name:
            trail.column_renamed(name, fold(what.column), fold(what.new_name))

    def _note_shadows(self, touched: Touched) -> None:
        """Note the triggers that write shadow tables. What the module writes there itself is no trigger's work."""
        for _, table, _, trigger in touched.writes:
            owner = self._facts.shadow_owner(table) if trigger is not None else None
            if trigger is not None and owner is not None:
                self.shadow_writes[trigger] = table, owner

    # Writing rows

    def _write(self, text: str, write: Write) -> None:
        table = self._facts.table(write.table)
        replaces = write.replaces or bool(write.upserts) or (table is not None and table.replaces)
        if self._drops and (write.verb in ("update", "delete") or replaces):
            self._judge.before_write(write.table)
        if table is not None and table.kind in _INDEXES and write.table in write.columns:
            self._command(text, table)
            return
        then = self._counter(text, write, table)
        if table is not None and self._is_armed(write, table):
            self._measure(text, write, table, then)
        else:
            arrival = (
                self._noting.arrival(text, write) if self._drops and write.verb == "create" and table is None else None
            )
            self._perform(text, then)
            made = self._facts.table(write.table) if arrival is not None else None
            if arrival is not None and made is not None:
                self._ask(f"SELECT count(*) FROM {made.sql}", partial(_counted, arrival))
        self._noting.written(text, write, table)
        self._note_overwrites(self._last_reach(text), write, replaces)

    @abstractmethod
    def _last_reach(self, text: str) -> Touched:
        """What the statement ``text``, which ran last, reached."""

    def _note_overwrites(self, touched: Touched, write: Write | None = None, replaces: bool = False) -> None:
        """Note which columns a statement overwrote by a trigger, a conflict clause or REPLACE: nobody reads by what."""
        trail = self._judge.trail
        for what, table, column, trigger in touched.writes if trail.columns.any_added else ():
            if what == UPDATE and column and (trigger is not None or write is None or write.verb != "update"):
                trail.overwritten_unread(fold(table), {fold(column)})
        if replaces and write is not None and write.verb == "insert":
            trail.overwritten_unread(write.table, trail.columns.added_to(write.table).keys())

    def _counter(self, text: str, write: Write, table: Table | None) -> Answered | None:
        """What counts the rows that an UPDATE or DELETE of ``table`` touched by name, those that triggers wrote for a
        statement on a view, or those that an INSERT copied; None for other statements."""
        if table is None or table.kind not in (*_COUNTED, "view"):
            return None
        if write.verb == "insert" and table.kind != "view":
            arrival = self._noting.arrival(text, write) if self._drops else None
            return None if arrival is None else partial(_arrived, arrival)
        if write.verb == "create":
            return None
        label, verb = self._judge.trail.label(fold(table.name), table.name), write.verb.upper()
        if table.kind == "view":
            verb = f"{verb} {THROUGH_VIEW}"
        return lambda result: self._judge.count_change(verb, label, result.changes)

    def _command(self, text: str, table: Table) -> None:
        """A command of a full-text index, which is an INSERT into the column of its name: it may empty the index."""
        from memsql.fts.triggers import command_of

        command = command_of(text, table.name)
        is_delete = command == "delete" and "delete-all" not in text.lower()
        if table.kind == "unreadable":
            if not is_delete and command not in _UPKEEP:
                self._judge.emptied_unread(table)
            self._perform(text)
            return
        rows = f"SELECT count(*) FROM {table.sql}"
        before: list[Result] = []
        done: list[Result] = []
        self._ask(rows, before.append)
        self._perform(text, done.append)
        self._ask(rows, lambda after: self._judge.emptied(table, before[0], after, done if is_delete else ()))

    def _is_armed(self, write: Write, table: Table) -> bool:
        """Whether the statement may do more than it says."""
        if write.verb == "create":
            return False
        return write.replaces or table.replaces or table.kind == "view" or self._facts.is_armed(write.table)

    def _effects(self, write: Write | None, table: Table, touched: Touched) -> list[effects.Effect]:
        """What a statement that reached ``touched`` may destroy besides what it says, also where nothing is from
        before."""
        return side_effects.of_statement(self._facts, write, table, touched)

    def _old_only(self, others: Iterable[effects.Effect]) -> list[effects.Effect]:
        """``others`` without tables and columns that hold nothing from before."""
        trail = self._judge.trail
        old = (e for e in others if trail.has_old_rows(e.table))
        return [replace(e, columns=e.columns - trail.fresh_columns(e.table)) for e in old]

    def _reached_copies(self, others: Iterable[effects.Effect], write: Write | None, table: Table) -> list[str]:
        """The copies, of rows whose table is still there, that a statement on ``table`` with the effects ``others`` may
        change besides what it says, after they were compared."""
        own = [fold(table.name)] if write is not None and write.verb == "delete" else []
        return self._compared([*(e.table for e in others), *own])

    def _compared(self, names: Iterable[str]) -> list[str]:
        """Those of the tables ``names`` that are copies of a table with which they were compared."""
        return sorted({name for name in names if self._judge.trail.compared_with(name)})

    @staticmethod
    def _own(write: Write | None, table: Table, rows: Callable[[], int]) -> Own:
        """What a statement that deletes ``rows`` of ``table`` does to it by name."""
        if write is None:
            return Own()
        inserted = frozenset(write.columns or table.stored) if write.verb == "insert" else frozenset()
        return Own(fold(table.name), write.sets | inserted, rows)

    def _snapshot(self, effect: effects.Effect) -> effects.Snapshot | None:
        """What to keep for ``effect``; None where there is nothing that could be kept."""
        table = self._facts.table(effect.table)
        if table is None or table.kind not in _COUNTED:
            return None
        self._snapshots += 1
        return effects.snapshot(self._snapshots, table, effect)

    def _is_masked(self, write: Write | None, table: Table, touched: Touched) -> bool:
        """Whether the number of rows does not tell which ones a DELETE took: a trigger inserts others, or ignores rows
        that it names."""
        name = fold(table.name)
        if write is None or write.verb != "delete" or table.kind not in ("table", "virtual"):
            return False
        if not self._judge.trail.has_old_rows(name):
            return False
        if not _updated(touched, name).isdisjoint({*effects.identity(table), table.alias}):
            # Nothing tells which row is which.
            return False
        inserts = any(t == name for _, t in effects.trigger_writes(frozenset(touched.writes)))
        return inserts or self._facts.ignores()

    def _own_rows(self, text: str, table: Table, touched: Touched) -> effects.Snapshot:
        """What to keep of the table of such a DELETE."""
        self._snapshots += 1
        keys = ", ".join(quote(k) if k in table.columns else k for k in effects.identity(table))
        named = writes.named_keys(text, keys)
        return effects.own_rows(self._snapshots, table, named, _updated(touched, fold(table.name)))

    # Dropping tables

    def _drop(self, text: str, name: str) -> None:
        table = self._facts.table(name)
        if table is None:
            self._perform(text)
            return
        self._judge.drop(table)
        if table.autoincrement and self._judge.trail.has_old_rows(name):
            self._keep_sequence(table)
        self._judge.hand_over(table)
        # A foreign key of a copy may name this table already.
        if self._judge.trail.has_old_rows(name):
            self._judge.trail.holders |= set(self._judge.trail.copies_of(name))
        with self._watched_copies([name]):
            if self._foreign_keys and self._facts.is_armed(name):
                self._measure(text, None, table)
            else:
                self._perform(text)
            self._judge.trail.dropped(name, self._judge.trail.copies_of(name))

    @contextmanager
    def _watched_copies(self, names: Sequence[str], own: Own | None = None) -> Iterator[None]:
        """Judge what the statement inside does to the copies ``names``, which it does not name or which it drops, as if
        it were done to the rows themselves. ``own``: what it changes by name."""
        sources = {source for name in names for source in self._judge.trail.compared_with(name)}
        self._judge.compare_before(sources)
        yield
        self._judge.compare_after(sources, own or Own())

    def _keep_sequence(self, table: Table) -> None:
        label = self._judge.trail.label(fold(table.name), table.name)
        if label in self._sequences:
            return
        kept = self._sequences[label] = f"{KEPT}{len(self._sequences)}"
        self._ask(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT '{kept}', seq FROM sqlite_sequence "
            f"WHERE name = {quote_string(table.name)}",
            _ignore,
        )

    def _raise_sequence(self, label: str, kept: str) -> None:
        trail = self._judge.trail
        names = [n for n in (fold(label), *trail.labels) if fold(trail.label(n, n)) == fold(label)]
        tables = [t for n in dict.fromkeys(names) if (t := self._facts.table(n)) is not None and t.autoincrement]
        for table in tables:
            name, old = quote_string(table.name), f"(SELECT seq FROM sqlite_sequence WHERE name = '{kept}')"
            self._ask(
                f"SELECT {old} WHERE {old} > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = {name}), 0)",
                partial(self._say_raised, table),
            )
            self._ask(f"UPDATE sqlite_sequence SET seq = max(seq, {old}) WHERE name = {name} AND {old} > 0", _ignore)
            self._ask(
                f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, {old} WHERE {old} > 0 "
                f"AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {name})",
                _ignore,
            )
        self._ask(f"DELETE FROM sqlite_sequence WHERE name = '{kept}'", _ignore)

    def _say_raised(self, table: Table, answer: Result) -> None:
        if answer.rows:
            self._judge.note(f"kept the AUTOINCREMENT sequence of {table.name} at {answer.one()!s}, as before")

    def _filled(self, touched: Touched) -> None:
        """Note that INSERTs of VALUES, which reached ``touched``, added rows that are not from before."""
        self._judge.trail.filled(map(fold, touched.inserted))
        self._note_overwrites(touched)

    def account(self) -> Account:
        """What became of the rows and values from before."""
        return self._judge.account()


def _updated(touched: Touched, table: str) -> set[str]:
    """The columns, folded, of ``table`` (folded) that statements which reached ``touched`` may set."""
    return {fold(c) for what, t, c, _ in touched.writes if what == UPDATE and c and fold(t) == table}


def _ignore(_: Result) -> None:
    return None


def _arrived(arrival: Arrival, answer: Result) -> None:
    """Add the rows that a statement inserted."""
    arrival.rows += answer.changes


def _counted(arrival: Arrival, answer: Result) -> None:
    """Add the rows that a query counted."""
    arrival.rows += integer(answer.one())
