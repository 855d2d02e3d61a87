"""Asking a database how a table differs from its copies, by their keys or without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from memsql.db import Result
from memsql.engine.loss import arrivals, bags, comparing, copies, sentences
from memsql.engine.loss.answers import Comparison, Difference, Query, integer
from memsql.engine.loss.tables import ROWID, Table

Answered = Callable[[Result], None]
Ask = Callable[[str, Answered], None]
# A SELECT of SQLite has at most 2,000 columns (https://sqlite.org/limits.html), and each compared one takes three.
_WIDEST = 400
Compared = Callable[[Comparison], object]


@dataclass(frozen=True, slots=True)
class Copied:
    """A ``table`` whose rows ``key`` identifies, and the ``matches`` with the tables to which it was copied, in whose
    ``rooms`` the rows came. ``label``: its name before the migration."""

    table: Table
    key: Sequence[str]
    matches: Sequence[copies.Match]
    rooms: Sequence[arrivals.Room]
    label: str

    def settled(self, comparison: Comparison, counts: Sequence[int]) -> Comparison:
        """``comparison`` with the rows that were not inserted often enough, and that another row seems to be.
        ``counts``: how many rows the copies have."""
        missing = max(comparison.rows, arrivals.short(self.rooms, counts, comparison.total))
        for room in self.rooms:
            room.claim(comparison.total - missing)
        return replace(comparison, rows=missing)


class Comparer:
    """Asks by ``ask``, and tells a person by ``note``. ``at_once``: an answer is there when ``ask`` returns."""

    def __init__(self, ask: Ask, note: Callable[[str], None], *, at_once: bool) -> None:
        self._ask, self._note, self._at_once = ask, note, at_once

    def compare(self, copied: Copied, then: Compared) -> None:
        """Compare a table with its copies as they are now."""
        keyed = copies.main_and_side([match for match in copied.matches if match.pairs])
        if not keyed:
            self._without_key(copied, then)
            return
        is_single = all(comparing.is_single(copied.table, match) for match in keyed)
        settled = then if is_single else self._settled(copied, then)
        nulls = comparing.null_keys(copied.table, keyed)
        if nulls:
            apart = replace(copied, matches=keyed, rooms=())
            rest: list[Comparison] = []
            self._by_key(apart, nulls, rest.append)
            self._without_key(apart, lambda others: settled(others.plus(rest[0])), nulls)
        else:
            self._by_key(replace(copied, matches=keyed), (), settled)

    def _settled(self, copied: Copied, then: Compared) -> Compared:
        """``then`` with what the numbers of rows in the copies say, for which it asks."""
        counts: list[int] = []
        for match in copied.matches if any(room.arrivals for room in copied.rooms) else ():
            self._ask(f"SELECT count(*) FROM {match.target.sql}", lambda answer: counts.append(integer(answer.one())))
        return lambda comparison: then(copied.settled(comparison, counts))

    def _by_key(self, copied: Copied, nulls: Sequence[str], then: Compared) -> None:
        """Compare rows that their key identifies; ``nulls``: those without NULL in these columns."""
        columns = comparing.compared(copied.table, copied.matches)
        parts = [columns[start : start + _WIDEST] for start in range(0, len(columns), _WIDEST)] or [()]
        done: list[Comparison] = []

        def add(comparison: Comparison) -> None:
            done.append(comparison)
            if len(done) == len(parts):
                then(replace(done[0], columns={k: v for each in done for k, v in each.columns.items()}))

        for part in parts:
            query = comparing.compare(copied.table, copied.key, copied.matches, part, nulls=nulls)
            self._ask_quickly(query, add)

    def _ask_quickly(self, query: Query, then: Compared) -> None:
        def compared(answer: Result) -> None:
            then(query.comparison(answer.rows[0]))

        def glanced(answer: Result) -> None:
            rows, differing = map(integer, answer.rows[0])
            if differing:
                self._ask(query.sql, compared)
            else:
                then(Comparison(total=rows))

        self._ask(query.quick, glanced) if self._at_once else self._ask(query.sql, compared)

    def _without_key(self, copied: Copied, then: Compared, nulls: Sequence[str] = ()) -> None:
        """Compare rows that no key identifies; ``nulls``: only those with NULL in one of these columns of the key."""
        table, key, matches = copied.table, () if nulls else copied.key, copied.matches
        columns: dict[str, Difference] = {}
        columns_of = comparing.compared(table, matches)
        unkept = [c for c in columns_of if c not in key and any(c not in match.carriers for match in matches)]
        if unkept:
            counted = comparing.count_values(table, unkept, nulls)
            self._ask(counted.sql, lambda answer: columns.update(counted.comparison(answer.rows[0]).columns))
        if key and any(match.sets_key for match in matches):
            self._note(sentences.key_set_anew(copied.label))
        elif key:
            self._ask_renumbered(copied, key, lambda n: columns.update({key[0]: Difference(n, is_key=True)}))
        elif table.kind == "virtual" and table.rowid is not None:
            self._ask_renumbered(copied, (ROWID,), lambda n: self._note(sentences.rowids_renewed(copied.label, n)))
        whole = bags.compare_bags(table, matches, nulls)
        missing: list[Comparison] = []
        self._ask(whole.sql, lambda answer: missing.append(whole.comparison(answer.rows[0])))

        settled = self._settled(copied, then)

        def end() -> None:
            settled(replace(missing[0], columns={**columns}))

        same = {*bags.unchanged(table, matches), *unkept, *key}
        for column in columns_of:
            if column not in same:
                values = bags.compare_values(table, matches, column, nulls)
                self._ask(values.sql, partial(_differ, values, columns))
        # Behind all the others, so that their answers are there.
        self._ask("SELECT 1", lambda _: end())

    def _ask_renumbered(self, copied: Copied, key: Sequence[str], renumbered: Callable[[int], None]) -> None:
        """Ask in how many rows the key, which was not copied, is another one afterwards; ``renumbered`` gets the number
        where there are any."""
        same = [
            copies.Match(match.target, tuple((k, k) for k in key), match.carriers)
            for match in copied.matches
            if all(k in match.target.columns or (k == ROWID and match.target.rowid is not None) for k in key)
        ]
        columns = comparing.compared(copied.table, copied.matches)[:_WIDEST]
        query = (
            comparing.compare(copied.table, key, same, columns) if same else comparing.count_values(copied.table, ())
        )

        def then(answer: Result) -> None:
            comparison = query.comparison(answer.rows[0])
            rows = comparison.rows + max((d.lost for d in comparison.columns.values()), default=0)
            if rows:
                renumbered(rows)

        self._ask(query.sql, then)


def _differ(query: Query, columns: dict[str, Difference], answer: Result) -> None:
    columns.update(query.comparison(answer.rows[0]).columns)
