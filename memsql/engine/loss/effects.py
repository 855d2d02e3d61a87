"""What a statement did that nobody wrote: foreign-key actions, triggers and REPLACE. Decisions and SQL, without a
database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memsql.db.sqlite import DELETE, INSERT, UPDATE
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext import fold
from memsql.sqltext.writes import Write

Reach = frozenset[tuple[int, str, str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement may do to a ``table`` (folded) besides what it says: delete rows (``deletes``), and set
    ``columns`` (folded). ``cause``: a sentence's end. ``named``: columns that a REPLACE names (None: it is none)."""

    table: str
    deletes: bool
    columns: frozenset[str]
    cause: str
    named: frozenset[str] | None = None


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

    def question(self, defaulted: Collection[str], schema: str) -> str:
        """SQL: the rows before, those that are gone, an example; then for each column the values lost, an example,
        and the values changed."""
        if self.by_number:
            number = f"(SELECT count(*) FROM {schema}{self.name}) - (SELECT count(*) FROM {self.table.sql})"
            all_rows = f"(SELECT count(*) FROM {schema}{self.name})"
            return f"SELECT {all_rows}, max(0, {number}), NULL" + ", 0, NULL, 0" * len(self.columns)
        there = f"t.{self.table.rowid}" if self.table.rowid else self.table.value("t", self.key[0])
        names = [self.table.alias if k == ROWID and self.table.alias else k for k in self.key]
        shown = " || ', ' || ".join(f"'{_label(k)} ' || quote(b.k{n})" for n, k in enumerate(names)) or "''"
        fields = ["count(*)", f"total({there} IS NULL)", f"min(CASE WHEN {there} IS NULL THEN {shown} END)"]
        for n, column in enumerate(self.columns):
            old, new = f"b.c{n}", self.table.value("t", column)
            differs = f"{there} IS NOT NULL AND {old} COLLATE BINARY IS NOT {new}"
            gone = f"{differs} AND {old} IS NOT NULL"
            if column not in defaulted and self.effect.named is None:
                gone = f"{gone} AND {new} IS NULL"
            example = f"{shown} || ': ' || substr(quote({old}), 1, 40) || ', now ' || substr(quote({new}), 1, 40)"
            fields += [
                f"total({gone})",
                f"min(CASE WHEN {gone} THEN {example} END)",
                f"total({differs} AND NOT ({gone}))",
            ]
        on = " AND ".join(f"{self.table.value('t', k)} IS b.k{n}" for n, k in enumerate(self.key))
        return f"SELECT {', '.join(fields)} FROM {schema}{self.name} AS b LEFT JOIN {self.table.sql} AS t ON {on}"


def effects_of(write: Write | None, reach: Reach, excused: Collection[str]) -> list[Effect]:
    """The effects, by table, of a statement (None: DROP TABLE) that reached ``reach`` when it was compiled, without its
    own. ``excused``: INSTEAD OF triggers of the view that it writes."""
    own = write.table if write is not None else ""
    sets = write.sets if write is not None else frozenset()
    deletes: dict[str, str] = {}
    columns: dict[str, set[str]] = {}
    causes: dict[str, str] = {}
    for action, name, column, trigger in sorted(reach, key=str):
        table = fold(name)
        if trigger in excused and trigger is not None:
            continue
        cause = f"trigger {trigger}" if trigger is not None else "a foreign-key action"
        if action == DELETE and not (trigger is None and table == own):
            deletes[table] = cause
            causes.setdefault(table, cause)
        elif (
            action == UPDATE and column is not None and not (trigger is None and table == own and fold(column) in sets)
        ):
            columns.setdefault(table, set()).add(fold(column))
            causes.setdefault(table, cause)
    return [
        Effect(table, table in deletes, frozenset(columns.get(table, ())), causes[table])
        for table in sorted(deletes.keys() | columns.keys())
    ]


def replace_effect(write: Write, table: Table) -> Effect | None:
    """What a REPLACE may do to the table itself; None where it changes nothing that it does not name."""
    named = frozenset(write.columns) or (frozenset(table.stored) if write.verb == "insert" else frozenset())
    named |= write.upserts
    if table.alias is not None and named & {ROWID, "_rowid_", "oid"}:
        named |= {table.alias}
    others = frozenset(table.stored) - named - frozenset(table.key)
    if write.verb == "insert" and not others and len(table.unique) < 2 and table.kind == "table":
        return None
    if not table.unique and table.kind == "table":
        return None
    return Effect(fold(table.name), True, others if write.verb == "insert" else frozenset(), "REPLACE", named)


def trigger_replaces(reach: Reach) -> frozenset[str]:
    """The tables, folded, into which triggers insert: where one of them replaces, rows may go."""
    return frozenset(fold(table) for action, table, _, _ in reach if action == INSERT)


def named_rows(text: str) -> str:
    """The SELECT that counts the rows that ``text``, a DELETE, names; no SQL where the text has more than WHERE."""
    return f"SELECT count(*) {text[fold(text).index('from') :]}"


def snapshot(number: int, table: Table, effect: Effect) -> Snapshot:
    """What to keep of ``table`` before the statement."""
    replaced = effect.named is not None
    key: Sequence[str]
    if replaced:
        key = table.key or (tuple(sorted(table.unique[0])) if table.unique else (ROWID,))
    else:
        # SQLite gives the rowid of the last row away again after it was deleted; the key tells the two rows apart.
        still = [k for k in table.key if k not in effect.columns and k != table.alias]
        key = (ROWID, *still) if table.rowid else table.key
    moved = not replaced and bool(effect.columns & ({table.alias} if table.rowid else set(table.key)))
    columns = tuple(sorted(c for c in effect.columns if c in table.columns and not table.columns[c].generated))
    return Snapshot(f"memsql_before_{number}", table, effect, tuple(key), columns, moved)


def _label(name: str) -> str:
    return name.replace("'", "''")
