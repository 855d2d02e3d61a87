"""Judging what a statement destroys, by questions to the database just before and just after it.

A question is SQL with what to do with the answer. On a file it is asked at once; to a server all questions travel with
the statements, and the answers come afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from memsql.db import Result, Value
from memsql.engine.loss import comparing, copies, effects, sentences
from memsql.engine.loss.answers import Comparison, Difference, integer, shown_text
from memsql.engine.loss.comparer import Answered, Ask, Comparer, Copied
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.model import Account, Change, Loss, summed
from memsql.engine.loss.settled import Least, Own
from memsql.engine.loss.tables import ROWID, Table
from memsql.engine.loss.trail import Trail
from memsql.sqltext import fold


class Judge:
    """Judges, and keeps what was lost and changed. ``trail`` says where the rows from before are."""

    def __init__(self, facts: Facts, ask: Ask, *, at_once: bool) -> None:
        """``at_once``: an answer is there when ``ask`` returns, so that a question may depend on the one before."""
        self.trail = Trail()
        self._facts, self._send, self._at_once = facts, ask, at_once
        self._names: Trail | None = None
        self._comparer = Comparer(self._ask, self.note, at_once=at_once)
        self._losses: list[Loss] = []
        self._changes: list[Change] = []
        self._notes: list[str] = []

    def account(self) -> Account:
        """What was lost and changed so far."""
        return Account(tuple(self._losses), summed(self._changes), tuple(dict.fromkeys(self._notes)))

    def count_change(self, what: str, table: str, rows: int) -> None:
        """Note that a statement changed ``rows`` of ``table``, called so before the migration, by name."""
        self._changes.append(Change(what, table, None, rows))

    def _ask(self, sql: str, then: Answered) -> None:
        """Ask. ``then`` calls tables and columns what they are called now, also where the answer comes later."""
        if self._at_once:
            self._send(sql, then)
            return
        names = self.trail.names()

        def answered(answer: Result) -> None:
            outer, self._names = self._names, names
            try:
                then(answer)
            finally:
                self._names = outer

        self._send(sql, answered)

    def mark(self) -> tuple[int, int, int, int]:
        """How much is noted so far."""
        for least in self.trail.least.values():
            least.grown_from = None
        return len(self._losses), len(self._changes), len(self._notes), len(self.trail.arrivals)

    def back_to(self, mark: tuple[int, int, int, int]) -> None:
        """Forget what was noted since mark(): the statements were undone."""
        losses, changes, notes, arrivals = mark
        self.trail.arrivals.cut(arrivals)
        del self._losses[losses:], self._changes[changes:], self._notes[notes:]
        for least in self.trail.least.values():
            least.shrink()

    def note(self, sentence: str) -> None:
        """Note a sentence for the person."""
        self._notes.append(sentence)

    def drop(self, table: Table) -> None:
        """Judge DROP TABLE, before it runs."""
        name = fold(table.name)
        if not table.holds_data or not self.trail.has_old_rows(name):
            return
        table = self.trail.old_part(table)
        label = self.trail.label(name, table.name)
        if table.kind == "unreadable":
            self.lose(table, None, 0, sentences.unreadable(label, table.module))
        elif table.kind == "contentless" or not self.trail.copies_of(name):
            self._ask(f"SELECT count(*) FROM {table.sql}", lambda answer: self._dropped(table, answer))
        else:
            matches, least = self._matches(table), self.trail.least.get(name) or Least()
            self._compare(table, matches, lambda now: self._not_copied(table, matches, least.add(now)))

    def hand_over(self, table: Table) -> None:
        """Note, before a table is dropped, which columns of its copies hold values from before."""
        if table.holds_data and self.trail.has_old_rows(fold(table.name)):
            for match in self._matches(table):
                self.trail.handed_over(table, match)

    def drop_column(self, table: Table, column: str) -> None:
        """Judge DROP COLUMN, before it runs."""
        name = fold(table.name)
        if not (table.holds_data and self.trail.has_old_rows(name) and column in table.stored):
            self.trail.column_gone(name, column)
            return
        table = self.trail.old_part(table)
        besides = {n: written.others for n, written in self.trail.columns.of(name).items()}
        own = copies.own_match(table, self.trail.inside(name), column, besides)
        is_fresh = self.trail.columns.is_fresh(name, column)
        if not is_fresh:
            others = self._matches(table)
            self._judge_column(table, column, [own, *map(copies.without_words, others)])
            # From now on the values are nowhere else.
            holding = [m for m in others if column in m.carriers and m.pairs]
            self.trail.holders |= {fold(m.target.name) for m in holding}
            for match in holding:
                self.trail.came_in(fold(match.target.name), {c.column for c in match.carriers_of(column)})
        self.trail.column_dropped(name, column, own)
        if own.carriers and not is_fresh:
            self.trail.came_in(name, {c.column for c in own.carriers_of(column)})

    def _judge_column(self, table: Table, column: str, matches: Sequence[copies.Match]) -> None:
        matches = [m for m in matches if column in m.carriers and (m.own or m.pairs)]
        query = comparing.compare_column(table, column, matches) if matches else None
        query = query or comparing.count_values(table, [column])

        def then(answer: Result) -> None:
            difference = query.comparison(answer.rows[0]).columns.get(column, Difference())
            if difference.lost:
                how = sentences.column_dropped(*self._labels(table, column), difference.lost)
                self.lose(table, column, difference.lost, how, difference.example)
            self._count_copied(table, column, difference)

        self._ask(query.sql, then)

    def before_write(self, name: str) -> None:
        """Compare copies before a statement changes ``name``: what is in them now is accounted for."""
        for source in sorted(self.trail.sources_near(name)):
            table = self._facts.table(source)
            least = self.trail.least.setdefault(source, Least())
            settled = least.comparison is not None and not least.comparison.loses
            if table is None or table.kind not in ("table", "virtual") or settled:
                continue
            table = self.trail.old_part(table)
            if self.trail.copies_of(source):
                self._compare(table, self._matches(table), least.add)

    def compare_before(self, sources: Collection[str]) -> None:
        """Compare ``sources`` with their copies before a statement that may change a copy without naming it."""
        for source in sorted(sources):
            table = self._facts.table(source)
            if table is not None:
                table = self.trail.old_part(table)
                self._compare(table, self._matches(table), self.trail.least[source].keep)

    def compare_after(self, sources: Collection[str], own: Own) -> None:
        """Compare them again. What is missing now and is not the statement's ``own`` is lost."""
        for source in sorted(sources):
            table = self._facts.table(source)
            if table is None or not self.trail.copies_of(source):
                self.trail.least.pop(source, None)
                continue
            table, least = self.trail.old_part(table), self.trail.least[source]
            matches = self._matches(table)
            self._compare(table, matches, partial(least.grow, own=own.of(matches)))

    def snapshot(self, kept: effects.Snapshot, schema: str, judged: Callable[[int], bool] = lambda rows: False) -> None:
        """Judge what a statement did besides what it says, after it ran. ``schema``: where the kept rows are.
        ``judged`` gets their number; where it returns True it has judged them."""

        def then(answer: Result) -> None:
            if not judged(integer(answer.one())):
                self._by_effect(kept, answer)

        self._ask(kept.question(self._facts.defaulted(kept.table.name), schema), then)

    def too_large(self, kept: effects.Snapshot, most: int, numbers: Sequence[Sequence[Value]]) -> None:
        """Judge a table of which only ``most`` rows were kept. ``numbers``: its rows, and the values of each column of
        ``kept``, before and after the statement."""
        table, cause = kept.table, kept.effect.cause
        (rows, *before), (left, *after) = ([integer(number) for number in row] for row in numbers)
        if kept.effect.deletes:
            gone = (rows, most, max(0, rows - left))
            self.lose(table, None, rows, sentences.too_large(self._labels(table, "")[0], None, cause, gone))
        for column, old, new in zip(kept.columns, before, after, strict=True):
            gone = (rows, most, max(0, old - new))
            self.lose(table, column, old, sentences.too_large(*self._labels(table, column), cause, gone))

    def taken(self, table: Table, numbers: Callable[[int], tuple[int, int, int]]) -> None:
        """Judge the rows of its own table that a DELETE took, after it ran. ``numbers`` gets how many are left, and
        returns how many are gone, how many of them by name, and how many there were."""

        def then(answer: Result) -> None:
            self.taken_besides(table, *numbers(integer(answer.one())))

        self._ask(f"SELECT count(*) FROM {table.sql}", then)

    def taken_besides(self, table: Table, gone: int, named: int, rows: int) -> None:
        """Judge that ``gone`` of the ``rows`` of a table went by DELETEs from it, of which ``named`` were named."""
        if gone > named:
            label, cause = self._labels(table, "")[0], "a foreign-key action or trigger"
            self.lose(table, None, gone - named, sentences.rows_by_effect(label, gone - named, rows, cause))

    def lose(self, table: Table, column: str | None, rows: int, how: str, example: str = "") -> None:
        """Note a loss of ``rows`` of ``table``, or of values of its ``column`` (folded)."""
        label, spelled = self._labels(table, column or "")
        names = {fold(table.name), fold(label)}
        columns = {None} if column is None else {column, fold(spelled)}
        aliases = frozenset((t, c) for t in names for c in columns)
        self._losses.append(Loss(label, None if column is None else spelled, rows, how, example, aliases))

    def _labels(self, table: Table, column: str) -> tuple[str, str]:
        """The names that ``table`` and its ``column`` had before the migration."""
        name = fold(table.name)
        spelled = table.columns[column].name if column in table.columns else column
        names = self._names or self.trail
        return names.label(name, table.name), names.column_label(name, column, spelled)

    def emptied(self, table: Table, before: Result, after: Result, deletes: Sequence[Result]) -> None:
        """Judge the rows that a command took from a virtual table, from the number of rows before it and after it.
        ``deletes``: the results of commands that each delete a row by name."""
        rows, gone = integer(before.one()), integer(before.one()) - integer(after.one())
        if gone <= 0 or not self.trail.has_old_rows(fold(table.name)):
            return
        label, named = self._labels(table, "")[0], min(gone, sum(result.changes for result in deletes))
        if named:
            self.count_change("DELETE", label, named)
        if gone > named:
            self.lose(table, None, gone - named, sentences.rows_by_effect(label, gone - named, rows, "a command"))

    def emptied_unread(self, table: Table) -> None:
        """Judge a command that may take rows from a virtual table whose rows cannot be counted."""
        if self.trail.has_old_rows(fold(table.name)):
            self.lose(table, None, 0, sentences.emptied_unread(self._labels(table, "")[0]))

    def _dropped(self, table: Table, answer: Result) -> None:
        rows = integer(answer.one())
        if rows:
            self.lose(table, None, rows, sentences.dropped(self._labels(table, "")[0], rows))

    def _not_copied(self, table: Table, matches: Sequence[copies.Match], comparison: Comparison) -> None:
        if comparison.rows:
            how = sentences.not_copied(self._labels(table, "")[0], comparison.rows, comparison.total)
            self.lose(table, None, comparison.rows, how, comparison.example)
        for column, difference in comparison.columns.items():
            label, spelled = self._labels(table, column)
            if difference.lost:
                there = any(column in match.carriers for match in matches)
                say = sentences.values_not_copied if there else sentences.column_dropped
                if difference.is_key:
                    say = sentences.key_not_copied
                self.lose(table, column, difference.lost, say(label, spelled, difference.lost), difference.example)
            self._count_copied(table, column, difference)

    def _count_copied(self, table: Table, column: str, difference: Difference) -> None:
        """Count the values that expressions changed in a copy."""
        if difference.changed > difference.lost:
            self._changes.append(Change("copy", *self._labels(table, column), difference.changed - difference.lost))

    def _by_effect(self, kept: effects.Snapshot, answer: Result) -> None:
        total, gone, shown, *rest = answer.rows[0]
        table, cause, rows = kept.table, kept.effect.cause, integer(gone)
        if rows and kept.effect.deletes:
            how = sentences.rows_by_effect(self._labels(table, "")[0], rows, integer(total), cause)
            self.lose(table, None, rows, how, shown_text(shown))
        if kept.sets_key and integer(total):
            self.note(sentences.key_set_anew(self._labels(table, "")[0]))
        for place, column in enumerate(kept.columns):
            lost, example, changed = rest[3 * place : 3 * place + 3]
            label, spelled = self._labels(table, column)
            values = integer(lost)
            if values:
                how = sentences.values_by_effect(label, spelled, values, cause)
                self.lose(table, column, values, how, shown_text(example))
            elif integer(changed):
                self._changes.append(Change("trigger", label, spelled, integer(changed)))

    def _matches(self, table: Table) -> list[copies.Match]:
        """How the rows of ``table`` are found again in each table to which they were copied and that is there."""
        by_target = self.trail.copies_of(fold(table.name))
        key = self._key(table, by_target)
        targets = {n: t for n in by_target if (t := self._facts.table(n)) is not None}
        return [copies.match(table, key, target, by_target[n]) for n, target in targets.items()]

    def _key(self, table: Table, by_target: Mapping[str, Sequence[copies.Copy]]) -> tuple[str, ...]:
        key = self.trail.key(table)
        return (ROWID,) if not key and table.rowid and self._facts.needs_rowid(table, by_target) else key

    def _compare(self, table: Table, matches: Sequence[copies.Match], then: Callable[[Comparison], object]) -> None:
        """Compare ``table`` with its copies as they are now."""
        name = fold(table.name)
        rooms = [self.trail.arrivals.room(name, fold(match.target.name)) for match in matches]
        key = self._key(table, self.trail.copies_of(name))
        self._comparer.compare(Copied(table, key, matches, rooms, self._labels(table, "")[0]), then)
