"""Accounting for every value on a file.

SQLite's counters say whether a statement did more than it says. Only then it is undone, what it reaches is kept in TEMP
tables, and it runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from memsql.db import Result, Touched, temporary
from memsql.db.compiling import compile_only
from memsql.db.counters import Counters, Counts
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.loss import effects, side_effects
from memsql.engine.loss.accounting import THROUGH_VIEW, Accounting
from memsql.engine.loss.answers import integer
from memsql.engine.loss.comparer import Answered
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.model import Account, MustRunAlone
from memsql.engine.loss.tables import Table
from memsql.engine.structure.catalog import Catalog
from memsql.errors import StatementError
from memsql.sqltext import fold, writes
from memsql.sqltext.shapes import runs
from memsql.sqltext.writes import Write, read_write

_STATEMENT = "memsql_statement"
_RUN = "memsql_run"
# So many neighbours of one shape are worth a question of their own.
_ALIKE = 4
# So many rows are kept sooner than statements run twice.
_FEW = 1000


class Accountant(Accounting):
    """Runs the statements of one migration on a file. ``shares``: others are in its transaction.
    ``counters``: those of SQLite, where something may ask them."""

    asks_at_once = True

    def __init__(
        self,
        conn: SQLiteConnection,
        catalog: Catalog,
        interrupted: Callable[[], bool],
        *,
        foreign_keys: bool,
        drops: bool,
    ) -> None:
        """``catalog``: of ``conn``. ``interrupted`` is asked often while a statement runs; the rest as in
        Accounting."""
        super().__init__(Facts(conn, catalog, temporary=True), foreign_keys=foreign_keys, drops=drops)
        self.shares = False
        self.counters: Counters | None = None
        self._counts: dict[str, Counts] = {}
        self._conn, self._interrupted = conn, interrupted
        self._result = Result((), [])
        self._last = Touched()

    def run(self, text: str) -> Result:
        """Run one statement, and return its result. Raises StatementError where SQLite refuses it."""
        self.statement(text)
        return self._result

    def run_all(self, texts: Sequence[str]) -> None:
        """Run statements of one shape, which reach the same and excuse the same. Where the first one does only what it
        says, the others do too, and run in one call. Otherwise what they may destroy is kept once, before all of them.

        Raises StatementError, with the index of the one that failed unless they ran in one call.
        """
        write = read_write(texts[0]) if len(texts) > 1 else None
        if write is None or write.verb == "create":
            self._run_each(texts)
            return
        mark = self._judge.mark()
        self._savepoint(_RUN)
        self._run_each(texts[:1])
        table = self._facts.table(write.table)
        if table is None:
            self._run_each(texts[1:], 1)
        elif self._says_all(write, table):
            self._run_quietly(texts[1:], write, table)
        elif self._is_masked(write, table, self._last):
            self._run_each(texts[1:], 1)
        else:
            # What the first one reaches is known now, so that it can be judged together with the others.
            self._undo(_RUN)
            self._judge.back_to(mark)
            self._measure_all(texts, write, table)
        self._conn.execute(f"RELEASE {_RUN}")

    def _run_each(self, texts: Sequence[str], first: int = 0) -> None:
        for place, text in enumerate(texts, first):
            try:
                self.statement(text)
            except StatementError as e:
                e.index = place
                raise

    def _measure_all(self, texts: Sequence[str], write: Write, table: Table) -> None:
        """Run statements of one shape, of which the first one ran last and was undone, and judge them as one."""
        others = self._effects(write, table, self._last)
        kept = self._keep(self._old_only(others))
        is_delete = write.verb == "delete"
        rows, named, changes = self._rows(table) if is_delete else 0, 0, 0
        copied, before = self._reached_copies(others, write, table), self._conn.total_changes
        with self._watched_copies(copied, self._own(write, table, lambda: max(named, changes) if is_delete else 0)):
            for place, text in enumerate(texts):
                if is_delete:
                    named += self._named(text)
                try:
                    with self._observed():
                        changes += self._conn.execute(text).changes
                except StatementError as e:
                    e.index = place
                    raise
            if table.kind == "view":
                changes = self._conn.total_changes - before
        self._judge_kept(kept)
        if is_delete:
            self._judge_taken(table, rows - self._rows(table), max(named, changes), rows)
        self._count(texts[0], write, table, changes)

    def _run_quietly(self, texts: Sequence[str], write: Write, table: Table) -> None:
        before = self._conn.total_changes
        with self._observed():
            self._conn.script(";\n".join(texts) + ";", watched=False)
        self._count(texts[0], write, table, self._conn.total_changes - before)

    def _count(self, text: str, write: Write, table: Table, changes: int) -> None:
        count = self._counter(text, write, table)
        if count is not None:
            count(Result((), [], changes))

    def _says_all(self, write: Write, table: Table) -> bool:
        """Whether the last statement reached nothing but what it says, whatever its values are."""
        if table.kind != "table" or write.verb == "create" or write.replaces or write.upserts or table.replaces:
            return False
        own = fold(table.name)
        alone = all(trigger is None and fold(name) == own for _, name, _, trigger in self._last.writes)
        return alone and len(self._last.inserted) <= 1 and not self._facts.refers_to_itself(table.name)

    def finish(self) -> Account:
        """The account, after the last statement."""
        self._finish()
        return self.account()

    def script(self, text: str, statements: Sequence[str]) -> None:
        """Run ``text``, whose statements all are INSERT INTO … VALUES. ``statements``: the same, one by one, for where
        a constraint may replace rows. What triggers did besides is judged for all of them together, for none of them
        names a row from before."""
        alike = list(runs(statements))
        if self._facts.replaces():
            self._run_shapes(alike)
        elif len(alike) * _ALIKE > len(statements):
            self._insert(text, statements)
        else:
            for run in alike:
                self._insert_alike(";\n".join(run) + ";", run)

    def _insert_alike(self, text: str, statements: Sequence[str]) -> None:
        """The same for INSERTs into the same columns, which all reach what the first one reaches: it is asked for that,
        and what little is there is kept at once."""
        with suppress(StatementError), self._observed() as touched:
            compile_only(self._conn, statements[0])
        others = self._old_only(side_effects.of_inserts(self._facts, touched)) if touched.writes else []
        if self.shares or self._renews(others, touched) or not all(map(self._is_small, others)):
            self._insert(text, statements)
            return
        with self._watched_copies(self._compared(e.table for e in others)):
            kept, before = self._keep(others), self._conn.total_changes
            with self._observed():
                self._conn.script(text, watched=False)
            self._count_view(touched, self._conn.total_changes - before)
            self._judge_kept(kept)
        self._filled(touched)
        self._reached(touched)

    def _insert(self, text: str, statements: Sequence[str]) -> None:
        conn = self._conn
        before = conn.total_changes
        self._savepoint(_STATEMENT)
        with self._observed() as touched:
            conn.script(text)
        # Each of them inserted a row at least, so as many changes as statements leave none for a trigger; but not where
        # a row may be ignored.
        written = conn.total_changes - before
        is_quiet = written == len(statements) and not self._facts.ignores()
        views = any(map(self._facts.is_view, touched.inserted))
        reached = side_effects.of_inserts(self._facts, touched) if touched.writes and (views or not is_quiet) else []
        copied, others = self._compared(e.table for e in reached), self._old_only(reached)
        if others or copied:
            self._undo(_STATEMENT)
            if self._renews(others, touched):
                self._run_shapes(runs(statements))
            else:
                with self._watched_copies(copied):
                    kept = self._keep(others)
                    with self._observed():
                        conn.script(text)
                    self._judge_kept(kept)
        conn.execute(f"RELEASE {_STATEMENT}")
        self._count_view(touched, written)
        self._filled(touched)
        self._reached(touched)

    def _count_view(self, touched: Touched, written: int) -> None:
        """Count the rows that were ``written`` where all INSERTs were into one view, whose triggers wrote them."""
        if len(touched.inserted) == 1 and self._facts.is_view(name := next(iter(touched.inserted))):
            self._judge.count_change(f"INSERT {THROUGH_VIEW}", name, written)

    @staticmethod
    def _renews(others: Iterable[effects.Effect], touched: Touched) -> bool:
        """Whether rows that are deleted may be inserted again, so that the columns that are named matter."""
        inserted = set(map(fold, touched.inserted))
        return any(e.deletes and e.table in inserted for e in others)

    def _is_small(self, effect: effects.Effect) -> bool:
        """Whether it costs little to keep the rows that may be reached."""
        table = self._facts.table(effect.table)
        if table is None:
            return True
        return (
            integer(self._conn.execute(f"SELECT count(*) FROM (SELECT 1 FROM {table.sql} LIMIT {_FEW + 1})").one())
            <= _FEW
        )

    def _run_shapes(self, alike: Iterable[Sequence[str]]) -> None:
        """Run the statements of a script, those of one shape together."""
        for run in alike:
            try:
                self.run_all(run)
            except StatementError as e:
                # Its place in the run is not the one in the script.
                e.index = None
                raise

    def _ask(self, sql: str, then: Answered) -> None:
        with self._conn.observe(self._interrupted):
            answer = self._conn.execute(sql)
        then(answer)

    def _perform(self, text: str, then: Answered | None = None) -> None:
        with self._observed() as touched:
            self._result = self._conn.execute(text)
        self._last = touched
        self._reached(touched)
        if then is not None:
            then(self._result)

    def _measure(self, text: str, write: Write | None, table: Table, then: Answered | None = None) -> None:
        conn = self._conn
        counts = write is None or write.verb == "delete"
        before, rows = conn.total_changes, self._rows(table) if counts else 0
        self._savepoint(_STATEMENT)
        with self._observed() as touched:
            self._result = conn.execute(text)
        self._last = touched
        # DROP TABLE deletes all rows, and does not say how many.
        mine = rows if write is None else self._result.changes
        written = conn.total_changes - before
        is_loud = written != mine
        gone = rows - self._rows(table) if write is not None and write.verb == "delete" else 0
        reached = self._effects(write, table, touched)
        silent = [e for e in reached if e.is_silent]
        others = self._old_only(reached if is_loud else silent)
        if is_loud or gone > mine:
            copied = self._reached_copies(reached, write, table)
        else:
            copied = self._reached_copies(silent, None, table)
        if self._is_masked(write, table, touched):
            self._undo(_STATEMENT)
            own = self._own_rows(text, table, touched)
            with self._watched_copies(copied, self._own(write, table, lambda: mine)):
                self._run_again(text, table, others, own=own)
        elif others or gone > mine or copied:
            self._undo(_STATEMENT)
            named = max(mine, self._named(text)) if gone > mine else mine
            with self._watched_copies(copied, self._own(write, table, lambda: named if gone else 0)):
                self._run_again(text, table, others, beyond=(gone, named, rows))
        conn.execute(f"RELEASE {_STATEMENT}")
        self._reached(touched)
        if then is not None:
            then(replace(self._result, changes=written) if table.kind == "view" else self._result)

    def _run_again(
        self,
        text: str,
        table: Table,
        others: Sequence[effects.Effect],
        *,
        beyond: tuple[int, int, int] = (0, 0, 0),
        own: effects.Snapshot | None = None,
    ) -> None:
        """Keep what ``others`` may destroy, and ``own`` rows, run the statement, and judge. ``beyond``: how many rows a
        DELETE took from its own table, how many of them by itself, and how many there were."""
        gone, named, rows = beyond
        kept = self._keep(others, own)
        with self._observed():
            self._result = self._conn.execute(text)
        self._judge_kept(kept)
        self._judge_taken(table, gone, named, rows)

    def _named(self, text: str) -> int:
        """How many rows a DELETE names; 0 where that cannot be asked."""
        with suppress(StatementError):
            return integer(self._conn.execute(writes.named_rows(text)).one())
        return 0

    def _judge_taken(self, table: Table, gone: int, named: int, rows: int) -> None:
        if table.holds_data and self._judge.trail.has_old_rows(fold(table.name)):
            self._judge.taken_besides(table, gone, named, rows)

    def _judge_kept(self, kept: Sequence[effects.Snapshot]) -> None:
        for snapshot in kept:
            self._judge.snapshot(snapshot, "temp.")
            self._conn.execute(f"DROP TABLE temp.{snapshot.name}")

    def _keep(self, others: Sequence[effects.Effect], own: effects.Snapshot | None = None) -> list[effects.Snapshot]:
        """Keep what ``others`` may destroy, and ``own`` rows. Raises MustRunAlone where other migrations are in the
        transaction."""
        kept = [snapshot for effect in others if (snapshot := self._snapshot(effect)) is not None]
        kept += [own] if own is not None else []
        if kept and self.shares:
            raise MustRunAlone
        for snapshot in kept:
            with self._conn.observe(self._interrupted):
                temporary.keep(self._conn, snapshot.name, snapshot.create, snapshot.size)
        return kept

    def _last_reach(self, text: str) -> Touched:
        return self._last

    def _rows(self, table: Table) -> int:
        if table.kind in ("view", "unreadable", "derived"):
            return 0
        return integer(self._conn.execute(f"SELECT count(*) FROM {table.sql}").one())

    def _savepoint(self, name: str) -> None:
        self._facts.settle()
        self._conn.execute(f"SAVEPOINT {name}")
        if self.counters is not None:
            self._counts[name] = self.counters.counts

    def _undo(self, name: str) -> None:
        self._conn.execute(f"ROLLBACK TO {name}")
        if self.counters is not None:
            self.counters.counts = self._counts[name]

    @contextmanager
    def _observed(self) -> Iterator[Touched]:
        if self.counters is not None:
            self.counters.before()
        with self._conn.observe(self._interrupted) as touched:
            assert touched is not None
            try:
                yield touched
            except StatementError:
                self.touched.forbidden = touched.forbidden
                self.touched.dropped |= touched.dropped
                raise
        if self.counters is not None:
            self.counters.after()

    def _reached(self, touched: Touched) -> None:
        self.touched.add(touched)
        self._note_shadows(touched)
        self._facts.changed(touched)
