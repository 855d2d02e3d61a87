"""What a statement did that nobody wrote: foreign-key actions, triggers and REPLACE. Decisions and SQL, without a
database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from memsql.db.authorizer import DELETE, UPDATE
from memsql.engine.loss.answers import least_text, shown_value
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext import ROWIDS, fold
from memsql.sqltext.internal import KEPT
from memsql.sqltext.names import quote_string
from memsql.sqltext.writes import Write

# So many columns of a key name the example of a row.
_KEYS_SHOWN = 3
Reach = frozenset[tuple[int, str, str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement may do to a ``table`` (folded) besides what it says: delete rows (``deletes``), and set
    ``columns`` (folded). ``cause``: the end of a sentence about it. ``named``: columns that a REPLACE names (None: it
    is none). ``in_place``: the REPLACE changes rows that keep their rowid. ``unnamed``: those of ``columns`` that the
    REPLACE leaves out, so that any other value in them is a loss. ``sets``: columns that the statement itself sets.
    ``renews``: rows without a key are deleted and inserted, so that nothing tells which one is which."""

    table: str
    deletes: bool
    columns: frozenset[str]
    cause: str
    named: frozenset[str] | None = None
    in_place: bool = False
    unnamed: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    renews: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether SQLite's counters may say nothing of it: they do not count what REPLACE deletes."""
        return self.named is not None

    def merged(self, other: Effect | None) -> Effect:
        """This one, which replaces rows, together with an ``other`` on the same table."""
        if other is None:
            return self
        return replace(
            self,
            columns=self.columns | other.columns,
            in_place=self.in_place and (other.in_place or other.named is None),
            unnamed=self.unnamed | other.unnamed,
            sets=self.sets | other.sets,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of a table as they were before a statement, in the table ``name``.

    ``key``: columns of the table (or ROWID), which are k0, k1 … there; ``columns``: others that the statement may
    change, which are c0, c1 … ``as_bag``: the key may change, so that rows are compared by all columns that the
    statement does not change, the ``others``, which are u0, u1 … ``named``: the SELECT of the keys of rows that the
    statement deletes by name; these are not missed.
    """

    name: str
    table: Table
    effect: Effect
    key: tuple[str, ...]
    columns: tuple[str, ...]
    others: tuple[str, ...] = ()
    as_bag: bool = False
    named: str = ""

    @property
    def sets_key(self) -> bool:
        """Whether the key of rows may be another one afterwards."""
        return self.as_bag and not self.effect.renews

    @property
    def create(self) -> str:
        """The SELECT of the rows to keep."""
        parts = [
            f"{self.table.value('t', column)} AS {letter}{n}"
            for letter, columns in (("k", self.key), ("c", self.columns), ("u", self.others))
            for n, column in enumerate(columns)
        ]
        if self.named:
            keys = ", ".join(self.table.value("t", column) for column in identity(self.table))
            parts.append(f"({keys}) IN ({self.named}) AS named")
        return f"SELECT {', '.join(parts) or '1 AS k0'} FROM {self.table.sql} AS t"

    @property
    def size(self) -> str:
        """SQL: about how many bytes these rows take."""
        values = [self.table.value("t", name) for name in (*self.key, *self.columns, *self.others)]
        lengths = [f"coalesce(length(CAST({value} AS BLOB)), 0) + 1" for value in values]
        return f"SELECT total({' + '.join([*lengths, '8'])}) FROM {self.table.sql} AS t"

    def question(self, defaulted: Collection[str], schema: str) -> str:
        """SQL: the rows before, those that are gone, an example; then for each column the values lost, an example,
        and the values changed. ``defaulted``: columns that a foreign key sets to their default."""
        if self.as_bag:
            return self._bag_question(defaulted, schema)
        there = f"t.{self.table.rowid}" if self.table.rowid else self.table.value("t", self.key[0])
        names = [self.table.alias if k == ROWID and self.table.alias else k for k in self.key[:_KEYS_SHOWN]]
        shown = " || ', ' || ".join(f"{quote_string(f'{k} ')} || quote(b.k{n})" for n, k in enumerate(names)) or "''"
        is_gone = f"{there} IS NULL" + (" AND NOT b.named" if self.named else "")
        fields = ["count(*)", f"total({is_gone})", least_text(f"CASE WHEN {is_gone} THEN {shown} END")]
        for n, column in enumerate(self.columns):
            old, new = f"b.c{n}", self.table.value("t", column)
            differs = f"{there} IS NOT NULL AND {old} COLLATE BINARY IS NOT {new}"
            gone = f"{differs} AND {old} IS NOT NULL"
            if column not in self.effect.unnamed:
                gone = f"{gone} AND NOT ({self._held(column, new, defaulted)})"
            example = f"{shown} || ': ' || {shown_value(old)} || ', now ' || {shown_value(new)}"
            fields += [
                f"total({gone})",
                least_text(f"CASE WHEN {gone} THEN {example} END"),
                f"total({differs} AND NOT ({gone}))",
            ]
        # A virtual table finds a rowid by "=" and not by IS; it is never NULL.
        same = ["=" if k == ROWID else "IS" for k in self.key]
        on = " AND ".join(f"{self.table.value('t', k)} {same[n]} b.k{n}" for n, k in enumerate(self.key))
        return f"SELECT {', '.join(fields)} FROM {schema}{self.name} AS b LEFT JOIN {self.table.sql} AS t ON {on}"

    def _bag_question(self, defaulted: Collection[str], schema: str) -> str:
        """The question where rows cannot be found again by their key: each distinct row must be there as often as
        before, but for the columns that may change; of these only how many values there are tells."""
        before, after = f"{schema}{self.name} AS b", f"{self.table.sql} AS t"
        others = [(f"b.u{n}", self.table.value("t", column)) for n, column in enumerate(self.others)]
        gone, example = self._missing(others, before, after)
        fields = [f"(SELECT count(*) FROM {before})", gone, example]
        for n, column in enumerate(self.columns):
            old, new = f"b.c{n}", self.table.value("t", column)
            fewer = ["0"]
            for values in (frozenset[str](), frozenset(defaulted)):
                held = self._held(column, old, values), self._held(column, new, values)
                fewer.append(f"{self._missing(others, before, after, held)[0]} - {gone}")
            lost, (differing, _) = f"max({', '.join(fewer)})", self._missing([*others, (old, new)], before, after)
            fields += [lost, "NULL", f"max(0, {differing} - {gone} - {lost})"]
        return f"SELECT {', '.join(fields)}"

    @staticmethod
    def _missing(
        columns: Sequence[tuple[str, str]], before: str, after: str, counted: tuple[str, str] = ("1", "1")
    ) -> tuple[str, str]:
        """SQL for how many rows of ``before``, of which ``columns`` count, ``after`` has less often, and an example.
        ``counted``: SQL for which rows count in each of the two."""
        old = ", ".join([*(f"{value} AS v{n}" for n, (value, _) in enumerate(columns)), f"({counted[0]}) AS n"])
        new = ", ".join([*(value for _, value in columns), f"-({counted[1]})"])
        names = ", ".join(f"v{n} COLLATE BINARY, typeof(v{n})" for n in range(len(columns))) or "NULL"
        shown = " || ', ' || ".join(shown_value(f"v{n}") for n in range(min(3, len(columns)))) or "''"
        rows = f"SELECT {old} FROM {before} UNION ALL SELECT {new} FROM {after}"
        groups = f"SELECT sum(n) AS n, {shown} AS e FROM ({rows}) GROUP BY {names}"
        return (
            f"(SELECT total(n) FROM ({groups}) WHERE n > 0)",
            f"(SELECT {least_text('e')} FROM ({groups}) WHERE n > 0)",
        )

    def _held(self, column: str, value: str, defaulted: Collection[str]) -> str:
        """SQL that is true where ``value`` is none that an action sets a column to."""
        default = self.table.columns[column].default if column in defaulted else None
        return f"{value} IS NOT NULL" + (f" AND {value} COLLATE BINARY IS NOT ({default})" if default else "")


def effects_of(write: Write | None, own: str, reach: Reach, excused: Collection[str]) -> list[Effect]:
    """The effects, by table, of a statement (None: DROP TABLE) on the table ``own`` (folded), which reached ``reach``
    when it was compiled, without what it says. ``excused``: INSTEAD OF triggers of the view that it writes."""
    sets = write.sets if write is not None else frozenset()
    deletes: dict[str, str] = {}
    columns: dict[str, set[str]] = {}
    causes: dict[str, str] = {}
    for action, name, column, trigger in sorted(reach, key=str):
        table = fold(name)
        if trigger in excused and trigger is not None:
            continue
        cause = f"trigger {trigger}" if trigger is not None else "a foreign-key action"
        is_own = trigger is None and table == own
        # SQLite does not report what REPLACE deletes, so such a DELETE in an INSERT or UPDATE comes from an action.
        # Of a DELETE from the table itself only the number of rows tells which were not named.
        counted = table == own and write is not None and write.verb == "delete"
        if (
            action == DELETE
            and not counted
            and (not is_own or (write is not None and write.verb in ("insert", "update")))
        ):
            deletes[table] = cause
            causes.setdefault(table, cause)
        elif action == UPDATE and column is not None and not (is_own and (write is None or fold(column) in sets)):
            columns.setdefault(table, set()).add(fold(column))
            causes.setdefault(table, cause)
    return [
        Effect(
            table,
            table in deletes,
            frozenset(columns.get(table, ())),
            causes[table],
            sets=sets if table == own else frozenset(),
        )
        for table in sorted(deletes.keys() | columns.keys())
    ]


def replace_effect(write: Write, table: Table, other: Effect | None) -> Effect | None:
    """What a REPLACE may do to the table itself, together with the ``other`` effect that actions and triggers have on
    it; None where nothing changes that it does not name."""
    name, is_table = fold(table.name), table.kind == "table"
    numbers = frozenset(table.rowid_names) & (write.sets | frozenset(write.columns))
    if write.verb == "delete" or (is_table and not table.unique and not table.partly_unique and not numbers):
        return other
    reached = other.columns if other is not None else frozenset()
    if write.verb == "update":
        computed = frozenset(name for name, column in table.columns.items() if column.generated)
        reaches = table.partly_unique or numbers or any(unique & (write.sets | computed) for unique in table.unique)
        own = Effect(name, True, reached, "REPLACE", write.sets, in_place=True, sets=write.sets)
        return own if reaches else other
    named = frozenset(write.columns) or frozenset(table.stored)
    named |= write.sets
    if table.alias is not None and numbers:
        named |= {table.alias}
    others = frozenset(table.stored) - named - frozenset(table.key)
    if is_table and table.key and not others and len(table.unique) < 2 and not table.partly_unique:
        return None if other is None else replace(other, named=named)
    return Effect(name, True, others | reached, "REPLACE", named, unnamed=others)


def trigger_writes(reach: Reach) -> frozenset[tuple[str, str]]:
    """The triggers that insert or update, each with the table (folded) to which it writes."""
    return frozenset((trigger, fold(table)) for what, table, _, trigger in reach if what != DELETE and trigger)


def trigger_replaces(write: Write, table: Table, trigger: str, *, is_excused: bool) -> Effect:
    """What ``write``, a statement of a ``trigger`` that replaces rows of ``table``, may do besides. ``is_excused``:
    what it names is the word of the statement that fires it."""
    name, stored, cause = fold(table.name), frozenset(table.stored), f"REPLACE in trigger {trigger}"
    if write.verb == "update":
        return Effect(name, True, frozenset(), cause, write.sets, in_place=True, sets=write.sets)
    named = frozenset(write.columns) or stored
    if table.alias is not None and not named.isdisjoint(ROWIDS):
        named |= {table.alias}
    others = stored - frozenset(table.key)
    unnamed = others - named - write.sets
    return Effect(name, True, unnamed if is_excused else others, cause, named, unnamed=unnamed)


def renewed(effect: Effect, table: Table, parts: Sequence[Write]) -> Effect:
    """``effect``, which deletes rows of a ``table`` into which ``parts`` insert: they may be there again with other
    values. The parts mean what a REPLACE of the same columns means."""
    if not table.key and table.kind == "table":
        return replace(effect, renews=True)
    stored = frozenset(table.stored)
    named = [frozenset(part.columns) or stored for part in parts]
    always = frozenset.intersection(*named) if named else frozenset()
    others = stored - frozenset(table.key)
    again = replace(effect, columns=others, named=frozenset().union(*named), unnamed=others - always)
    return again.merged(effect)


def identity(table: Table) -> tuple[str, ...]:
    """What identifies a row of ``table`` while a statement runs."""
    return (ROWID,) if table.rowid else table.key


def own_rows(number: int, table: Table, named: str, changed: Collection[str]) -> Snapshot:
    """What to keep of ``table`` before a DELETE from it whose triggers insert rows, or ignore what it names: all that
    tells a row from another one, but for columns that may be ``changed``. ``named``: the keys that the DELETE names."""
    others = [c for c in table.stored if c not in changed and c != table.alias and c not in identity(table)]
    effect = Effect(fold(table.name), True, frozenset(), "a foreign-key action or trigger")
    return Snapshot(f"{KEPT}{number}", table, effect, (*identity(table), *others), (), named=named)


def snapshot(number: int, table: Table, effect: Effect) -> Snapshot:
    """What to keep of ``table`` before the statement."""
    if table.kind == "contentless":
        # Nobody can read what is in its rows.
        return Snapshot(f"{KEPT}{number}", table, replace(effect, renews=True), (), (), as_bag=True)
    replaced = effect.named is not None and not effect.in_place
    changed = effect.columns | effect.sets | ((effect.named or frozenset()) if effect.in_place else frozenset())
    columns = tuple(sorted(c for c in effect.columns if c in table.columns and not table.columns[c].generated))
    name = f"{KEPT}{number}"
    moved = changed & ({table.alias, *table.rowid_names} if table.rowid else frozenset(table.key))
    if moved and table.rowid and table.alias:
        changed |= {table.alias}
    if effect.renews or (moved and not replaced):
        others = tuple(c for c in table.stored if c not in changed)
        return Snapshot(name, table, effect, (), columns, others, as_bag=True)
    key: Sequence[str]
    if replaced:
        key = table.key or (ROWID,)
    else:
        # SQLite gives the rowid of the last row away again after it was deleted; the key tells the two rows apart.
        still = [k for k in table.key if k not in changed and k != table.alias]
        key = (ROWID, *still) if table.rowid else table.key
    return Snapshot(name, table, effect, tuple(key), columns)
