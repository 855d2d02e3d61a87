"""What a statement did that nobody wrote: foreign-key actions, triggers and REPLACE. Decisions and SQL, without a
database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from memsql.db.sqlite import DELETE, UPDATE
from memsql.engine.loss.comparing import least_text, shown_value
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext import ROWIDS, fold
from memsql.sqltext.internal import KEPT
from memsql.sqltext.names import quote_string
from memsql.sqltext.writes import Write

Reach = frozenset[tuple[int, str, str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement may do to a ``table`` (folded) besides what it says: delete rows (``deletes``), and set
    ``columns`` (folded). ``cause``: the end of a sentence about it. ``named``: columns that a REPLACE names (None: it
    is none). ``in_place``: the REPLACE changes rows that keep their rowid. ``unnamed``: those of ``columns`` that the
    REPLACE leaves out, so that any other value in them is a loss. ``sets``: columns that the statement itself sets."""

    table: str
    deletes: bool
    columns: frozenset[str]
    cause: str
    named: frozenset[str] | None = None
    in_place: bool = False
    unnamed: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()

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

    ``key``: columns of the table (or ROWID), which are k0, k1 … there; ``columns``: others, which are c0, c1 …
    ``by_number``: the key may change, so that only the number of rows tells.
    """

    name: str
    table: Table
    effect: Effect
    key: tuple[str, ...]
    columns: tuple[str, ...]
    by_number: bool = False

    @property
    def create(self) -> str:
        """The SELECT of the rows to keep."""
        parts = [f"{self.table.value('t', k)} AS k{n}" for n, k in enumerate(self.key)]
        parts += [f"{self.table.value('t', c)} AS c{n}" for n, c in enumerate(self.columns)]
        return f"SELECT {', '.join(parts) or '1 AS k0'} FROM {self.table.sql} AS t"

    @property
    def size(self) -> str:
        """SQL: about how many bytes these rows take."""
        values = [self.table.value("t", name) for name in (*self.key, *self.columns)]
        lengths = [f"coalesce(length(CAST({value} AS BLOB)), 0) + 1" for value in values]
        return f"SELECT total({' + '.join([*lengths, '8'])}) FROM {self.table.sql} AS t"

    def question(self, defaulted: Collection[str], schema: str) -> str:
        """SQL: the rows before, those that are gone, an example; then for each column the values lost, an example,
        and the values changed. ``defaulted``: columns that a foreign key sets to their default."""
        if self.by_number:
            return self._numbers(defaulted, schema)
        there = f"t.{self.table.rowid}" if self.table.rowid else self.table.value("t", self.key[0])
        names = [self.table.alias if k == ROWID and self.table.alias else k for k in self.key]
        shown = " || ', ' || ".join(f"{quote_string(f'{k} ')} || quote(b.k{n})" for n, k in enumerate(names)) or "''"
        fields = ["count(*)", f"total({there} IS NULL)", least_text(f"CASE WHEN {there} IS NULL THEN {shown} END")]
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
        on = " AND ".join(f"{self.table.value('t', k)} IS b.k{n}" for n, k in enumerate(self.key))
        return f"SELECT {', '.join(fields)} FROM {schema}{self.name} AS b LEFT JOIN {self.table.sql} AS t ON {on}"

    def _numbers(self, defaulted: Collection[str], schema: str) -> str:
        """The question where rows cannot be found again: only how many rows and values there are tells."""
        before, after = f"{schema}{self.name} AS b", f"{self.table.sql} AS t"
        rows = f"(SELECT count(*) FROM {before})"
        gone = f"max(0, {rows} - (SELECT count(*) FROM {after}))"
        fields = [rows, gone, "NULL"]
        for n, column in enumerate(self.columns):
            fewer = ["0"]
            for values in (frozenset[str](), frozenset(defaulted)):
                was = f"(SELECT total({self._held(column, f'b.c{n}', values)}) FROM {before})"
                now = f"(SELECT total({self._held(column, self.table.value('t', column), values)}) FROM {after})"
                fewer.append(f"{was} - {now} - {gone}")
            fields += [f"max({', '.join(fewer)})", "NULL", "0"]
        return f"SELECT {', '.join(fields)}"

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
        # SQLite does not report what REPLACE deletes, so this DELETE is one that an action makes of it.
        # Of a DELETE from the table itself only the number of rows tells which were not named.
        counted = table == own and write is not None and write.verb == "delete"
        if action == DELETE and not counted and (not is_own or (write is not None and write.verb == "insert")):
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
    if write.verb == "delete" or (is_table and not table.unique and not table.partly_unique):
        return other
    reached = other.columns if other is not None else frozenset()
    if write.verb == "update":
        reaches = table.partly_unique or any(unique & write.sets for unique in table.unique)
        own = Effect(name, True, reached, "REPLACE", write.sets, in_place=True, sets=write.sets)
        return own if reaches else other
    named = frozenset(write.columns) or frozenset(table.stored)
    named |= write.upserts
    if table.alias is not None and not named.isdisjoint(ROWIDS):
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
    unnamed = others - named - write.upserts
    return Effect(name, True, unnamed if is_excused else others, cause, named, unnamed=unnamed)


def snapshot(number: int, table: Table, effect: Effect) -> Snapshot:
    """What to keep of ``table`` before the statement."""
    replaced = effect.named is not None and not effect.in_place
    changed = effect.columns | effect.sets | ((effect.named or frozenset()) if effect.in_place else frozenset())
    key: Sequence[str]
    if replaced:
        key = table.key or (ROWID,)
    else:
        # SQLite gives the rowid of the last row away again after it was deleted; the key tells the two rows apart.
        still = [k for k in table.key if k not in changed and k != table.alias]
        key = (ROWID, *still) if table.rowid else table.key
    moved = not replaced and bool(changed & ({table.alias} if table.rowid else set(table.key)))
    columns = tuple(sorted(c for c in effect.columns if c in table.columns and not table.columns[c].generated))
    return Snapshot(f"{KEPT}{number}", table, effect, tuple(key), columns, moved)
