"""Accounting for every value on a server.

A server has no authorizer. What a statement reaches is learnt from a copy of the schema, before the statement is sent:
so what it may destroy besides what it says is kept beforehand in tables on the server, and compared afterwards.
Statements of one shape that follow each other are judged as one, for each of them excuses the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from memsql.db import Item, Result, Script, Touched
from memsql.db.compiling import compile_only
from memsql.db.sqlite import SQLiteConnection
from memsql.engine import statements
from memsql.engine.loss import effects
from memsql.engine.loss.accounting import Accounting
from memsql.engine.loss.answers import integer
from memsql.engine.loss.comparer import Answered
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.model import Account
from memsql.engine.loss.tables import Table
from memsql.errors import Refused, StatementError
from memsql.project.files import SqlFile
from memsql.sqltext import bulk_table, ended, fold, writes
from memsql.sqltext import statements as statements_of
from memsql.sqltext.internal import KEPT
from memsql.sqltext.shapes import does_more, inserts_values, runs, shape
from memsql.sqltext.writes import Write

_CHANGES = "SELECT total_changes()"
# So many characters of statements without numbers of their own are sent as one text.
_TEXT = 1 << 20


class SchemaReach(Protocol):
    """A copy of the schema, on which reach() advances."""

    conn: SQLiteConnection

    def reach(self, text: str) -> Touched:
        """Do what the statement ``text`` does to the schema, and say what it reaches. Raises StatementError."""


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a request and what its answer is for. ``kind``: a statement of the file, a question, or a table that
    keeps rows (``keep``)."""

    item: Item
    then: Answered | None = None
    kind: str = "question"


@dataclass(slots=True)
class _Kept:
    """Rows that were kept before a statement, and how many the table had and what its columns held, before and
    after."""

    snapshot: effects.Snapshot
    numbers: list[Result] = field(default_factory=list)

    @property
    def count(self) -> str:
        """SQL: how many rows, and how many values in each column."""
        table = self.snapshot.table
        columns = [f"count({table.value('t', column)})" for column in self.snapshot.columns]
        return f"SELECT {', '.join(['count(*)', *columns])} FROM {table.sql} AS t"


class Foreseen(Accounting):
    """Takes the statements of one migration for a server."""

    asks_at_once = False

    def __init__(self, schema: SchemaReach, most: int, *, foreign_keys: bool, drops: bool) -> None:
        """``schema`` is what the server has. ``most``: of how many rows of a table a copy is made; the rest as in
        Accounting."""
        super().__init__(Facts(schema.conn, temporary=False), foreign_keys=foreign_keys, drops=drops)
        self._schema, self._most = schema, most
        self._run: Sequence[str] = ()
        self._known: dict[str, Touched] = {}

    @abstractmethod
    def _send(self, step: Step) -> None:
        """Send a step, or note it."""

    def take(self, file: SqlFile) -> None:
        """Take all of ``file``. Raises StatementError where a statement cannot be compiled on the copy."""
        for text, _, _ in statements.texts(file):
            if not self._take_inserts(text):
                for run in runs(statement.text for statement in statements_of(text)):
                    self.run(run)
        self._finish()

    def run(self, texts: Sequence[str]) -> None:
        """Take statements of one shape."""
        if inserts_values(texts[0]):
            touched = self._reach(texts[0])
            if not self._may_destroy(touched):
                self._filled(touched)
                self._reached(touched)
                self._send_texts(texts)
                return
        self._run = texts
        self.statement(texts[0])

    def _take_inserts(self, text: str) -> bool:
        """Take a large text that only inserts into one table, where that destroys nothing; else return False."""
        if bulk_table(text) is None or does_more(text):
            return False
        first = next(iter(statements_of(text)), None)
        if first is None or not inserts_values(first.text):
            return False
        touched = self._reach(first.text)
        if self._may_destroy(touched):
            return False
        self._filled(touched)
        self._reached(touched)
        self._send(Step(Script(text), kind="text"))
        return True

    def _may_destroy(self, touched: Touched) -> bool:
        """Whether INSERTs that reach ``touched`` may do more than to insert."""
        if touched.inserted and self._facts.replaces():
            return True
        return any(trigger is not None or self._facts.is_data(table) for _, table, _, trigger in touched.writes)

    def _reach(self, text: str) -> Touched:
        known = self._known.get(form) if (form := shape(text)) is not None else None
        if known is None:
            known = self._schema.reach(text)
            if form is not None:
                self._known[form] = known
        return known

    def _last_reach(self, text: str) -> Touched:
        return self._reach(text)

    def _reached(self, touched: Touched) -> None:
        self.touched.add(touched)
        self.touched.writes |= touched.writes
        self._note_shadows(touched)
        self._facts.changed(touched)
        if touched.schema or touched.altered or touched.created or touched.dropped:
            self._known.clear()

    def _ask(self, sql: str, then: Answered) -> None:
        self._send(Step((sql, ()), then))

    def _perform(self, text: str, then: Answered | None = None) -> None:
        self._reached(self._reach(text))
        self._send_texts(self._texts(text), then)

    def _texts(self, text: str) -> Sequence[str]:
        """The statements of the run that begins with ``text``."""
        return self._run if self._run and self._run[0] is text else (text,)

    def _send_texts(self, texts: Sequence[str], then: Answered | None = None) -> None:
        for text in texts:
            self._send(Step((text, ()), then, "text"))

    def _measure(self, text: str, write: Write | None, table: Table, then: Answered | None = None) -> None:
        named = self._named(text, write)
        touched = self._reach(text)
        is_masked = named and self._is_masked(write, table, touched)
        if is_masked and len(self._texts(text)) > 1:
            texts, self._run = self._run, ()
            for statement in texts:
                self._measure(statement, write, table, then)
            return
        others = self._effects(write, table, touched)
        kept = [self._keep(s) for e in self._old_only(others) if (s := self._snapshot(e)) is not None]
        if is_masked:
            kept.append(self._keep(self._own_rows(text, table, touched)))
        is_delete = write is not None and write.verb == "delete" and table.holds_data and table.kind != "unreadable"
        own = _Own()
        for each in kept:
            create = f"CREATE TABLE {each.snapshot.name} AS {each.snapshot.create} LIMIT {self._most + 1}"
            self._send(Step((create, ()), kind="keep"))
            self._ask(each.count, each.numbers.append)
        if write is None or is_delete:
            self._ask(f"SELECT count(*) FROM {table.sql}", own.counted)
        is_view = table.kind == "view"
        if kept or is_view:
            self._ask(_CHANGES, own.totals.append)
        copied = self._reached_copies(others, write, table)
        with self._watched_copies(copied, self._own(write, table, lambda: own.deleted if is_delete else 0)):
            for statement in self._texts(text):
                if named and is_delete:
                    self._ask(writes.named_rows(statement), own.named.append)
                self._send(Step((statement, ()), _both(own.done.append, None if is_view else then), "text"))
        if kept or is_view:
            told = None if then is None or not is_view else lambda _: then(own.through_triggers)
            self._ask(_CHANGES, _both(own.totals.append, told))
        for each in kept:
            self._compare(each, own, is_drop=write is None)
        if is_delete and not is_masked and self._judge.trail.has_old_rows(fold(table.name)):
            self._judge.taken(table, lambda after: (own.rows - after, own.deleted, own.rows))
        self._reached(touched)

    def _compare(self, kept: _Kept, own: _Own, *, is_drop: bool) -> None:
        """Judge what became of the rows of ``kept``, and drop their copy."""

        def judged(total: int) -> bool:
            mine = own.rows if is_drop else sum(result.changes for result in own.done)
            before, after = (integer(result.one()) for result in own.totals)
            if after - before == mine and not kept.snapshot.effect.is_silent:
                return True
            if total > self._most:
                self._judge.too_large(kept.snapshot, self._most, [result.rows[0] for result in kept.numbers])
            return total > self._most

        self._ask(kept.count, kept.numbers.append)
        self._judge.snapshot(kept.snapshot, "", judged)
        self._ask(f"DROP TABLE {kept.snapshot.name}", lambda _: None)

    def _named(self, text: str, write: Write | None) -> bool:
        """Whether named_rows() of ``text`` can be asked."""
        if write is None or write.verb != "delete":
            return False
        try:
            compile_only(self._schema.conn, writes.named_rows(text))
        except (StatementError, ValueError):
            return False
        return True

    def _keep(self, snapshot: effects.Snapshot) -> _Kept:
        if self._facts.table(snapshot.name) is not None:
            raise Refused(
                f"there is a table {snapshot.name}, and memsql keeps rows under names that begin with {KEPT} while it "
                "proves a migration on a server",
                hint=f"give it another name: ALTER TABLE {snapshot.name} RENAME TO …",
            )
        return _Kept(snapshot)


@dataclass(slots=True)
class _Own:
    """What the server says of a statement itself: the rows of its table before it, those that it names, its results,
    and total_changes() before and after it."""

    rows: int = 0
    named: list[Result] = field(default_factory=list)
    done: list[Result] = field(default_factory=list)
    totals: list[Result] = field(default_factory=list)

    def counted(self, answer: Result) -> None:
        """Note the rows before it."""
        self.rows = integer(answer.one())

    @property
    def through_triggers(self) -> Result:
        """A result whose changes are all rows that were written."""
        before, after = (integer(total.one()) for total in self.totals)
        return Result((), [], after - before)

    @property
    def deleted(self) -> int:
        """The rows that a DELETE took by itself, those that it names and an action took first among them."""
        named = [integer(answer.one()) for answer in self.named] or [0] * len(self.done)
        return sum(max(result.changes, rows) for result, rows in zip(self.done, named, strict=True))


class Planned(Foreseen):
    """Notes ``steps`` for a request. ``account`` reads their answers."""

    def __init__(self, schema: SchemaReach, most: int, *, foreign_keys: bool, drops: bool) -> None:
        super().__init__(schema, most, foreign_keys=foreign_keys, drops=drops)
        self._steps: list[Step] = []
        self._waiting: list[str] = []
        self._size = 0

    @property
    def steps(self) -> list[Step]:
        """What to send, in order."""
        self._flush()
        return self._steps

    def take_guarded(self, file: SqlFile, predict: Callable[[str], bool]) -> None:
        """Take all of ``file``, a legacy upgrade: the statements whose guards will be true, as ``predict`` says of
        each. Each guard is asked where it would be asked by itself; answered() raises Mispredicted where one is not
        as predicted. Raises StatementError like take()."""
        for statement, guards in statements.guarded(file):
            for guard in guards:
                expected = predict(guard)
                self._ask(statements.question(guard), partial(_expect, expected=expected))
                if not expected:
                    break
            else:
                self.run((statement.text,))
        self._finish()

    def answered(self, answers: Sequence[Result]) -> Account:
        """The account, from the answers to all steps."""
        for step, answer in zip(self.steps, answers, strict=True):
            if step.then is not None:
                step.then(answer)
        return self.account()

    def _send(self, step: Step) -> None:
        if step.kind == "text" and step.then is None and not isinstance(step.item, Script):
            self._waiting.append(step.item[0])
            self._size += len(step.item[0])
            if self._size > _TEXT:
                self._flush()
            return
        self._flush()
        self._steps.append(step)

    def _flush(self) -> None:
        if len(self._waiting) == 1:
            self._steps.append(Step((self._waiting[0], ()), kind="text"))
        elif self._waiting:
            self._steps.append(Step(Script("\n".join(map(ended, self._waiting))), kind="text"))
        self._waiting, self._size = [], 0


class Mispredicted(Exception):
    """A guard of a legacy upgrade is not as predicted, so that other statements must run."""


def _expect(answer: Result, *, expected: bool) -> None:
    if bool(answer.one()) != expected:
        raise Mispredicted


def _both(first: Answered, second: Answered | None) -> Answered:
    def answered(result: Result) -> None:
        first(result)
        if second is not None:
            second(result)

    return answered
