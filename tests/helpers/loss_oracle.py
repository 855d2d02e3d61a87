"""What a migration loses, found out without memsql: run it, read every row before and after each step, and compare with
what the step was meant to do.

The rule is that of docs/proof.md, applied to whole dumps. It knows nothing of how memsql proves it.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from loss_dumps import Dump, Key, Row, column_names, content, dump, key_columns, plain, quoted, text, typed
from random_intents import Copied, Fate, Migration, Named, Remade, Step

# A table, or one of its columns.
Target = tuple[str, str | None]
NULL = None


class Unusable(Exception):
    """SQLite itself refuses the migration, or it ends with references to nothing."""


@dataclass(frozen=True)
class Item:
    """One row of ``table`` that is gone, or one value of its ``column``.

    Not ``sure``: the rule does not say, or it was not there before the migration. Not ``exact``: it is one of several
    losses of the same rows, whose number can be counted in more than one way.
    """

    table: str
    column: str | None
    sure: bool = True
    exact: bool = True


@dataclass
class Losses:
    """By table and column as they were called before the migration; ``inexact``: the number is not to be compared."""

    sure: Counter[Target] = field(default_factory=Counter)
    unsure: set[Target] = field(default_factory=set)
    inexact: set[Target] = field(default_factory=set)


class Oracle:
    """A database of its own, in memory. ``close`` it."""

    def __init__(self, base: str) -> None:
        self.conn = sqlite3.connect(":memory:", isolation_level=None)
        self.conn.text_factory = text
        self.conn.executescript(base)

    def close(self) -> None:
        self.conn.close()

    def content(self) -> object:
        """Every row, to compare with those of another database."""
        return content(self.conn)

    def run(self, migration: Migration) -> Losses:
        """Run ``migration`` to its end, and return what it loses. Raises Unusable."""
        account = _Account(self.conn)
        conn = self.conn
        conn.execute(f"PRAGMA foreign_keys = {'off' if migration.keys_off else 'on'}")
        try:
            conn.execute("BEGIN")
            for step in migration.steps:
                account.add(step)
            conn.execute("COMMIT")
            if conn.execute("PRAGMA foreign_key_check").fetchall():
                raise Unusable("references to nothing")
        except sqlite3.Error as e:
            raise Unusable(str(e)) from e
        return account.losses


class _Account:
    """What was lost so far in one migration."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn, self.losses = conn, Losses()
        self._start = dump(conn)
        # What each column was called at the start, where it was there; and where each row was.
        self._columns = {(t, c): (t, c) for t, rows in self._start.items() for c in column_names(conn, t)}
        self._tables = {t: t for t in self._start}
        self._origins: dict[str, dict[Key, Row]] = {t: dict(rows) for t, rows in self._start.items()}

    def add(self, step: Step) -> None:
        before = dump(self.conn)
        matched = self._matched(step)
        for statement in step.statements:
            self.conn.execute(statement)
        after = dump(self.conn)
        judge = _Judge(self.conn, step, before, after, matched)
        earlier = set(self.losses.sure)
        for item, key in judge.items():
            target = self._count(item, key)
            if target in earlier:
                self.losses.inexact.add(target)
        self._follow(step, judge)

    def _matched(self, step: Step) -> set[Key]:
        """The keys of the rows that its statement names."""
        intent = step.intent
        if not isinstance(intent, Named):
            return set()
        name = plain(intent.table)
        keys = key_columns(self.conn, name) or ["rowid"]
        select = ", ".join(k if k == "rowid" else quoted(k) for k in keys)
        return {tuple(r) for r in self.conn.execute(f"SELECT {select} FROM {intent.table} WHERE {intent.where}")}

    def _count(self, item: Item, key: Key | None) -> Target:
        """Count ``item``, and return what it is one of, as it was called before the migration."""
        name = self._columns.get((item.table, item.column or ""))
        table = self._tables.get(item.table)
        if table is None or (item.column is not None and name is None):
            self.losses.unsure.add((item.table, item.column))
            return item.table, item.column
        target = (table, name[1] if name and item.column is not None else None)
        if not item.sure or not self._was_there(item, key):
            self.losses.unsure.add(target)
            return target
        if not item.exact:
            self.losses.inexact.add(target)
        self.losses.sure[target] += 1
        return target

    def _was_there(self, item: Item, key: Key | None) -> bool:
        """Whether the row, and a value in the column, was there before the migration."""
        if key is None:
            return True
        origin = self._origins.get(item.table, {}).get(key)
        if origin is None:
            return False
        if item.column is None or item.column == "id":
            return True
        name = self._columns.get((item.table, item.column))
        return name is not None and origin.get(name[1]) is not NULL

    def _follow(self, step: Step, judge: _Judge) -> None:
        """Remember how tables, columns and rows are called now."""
        intent = step.intent
        if isinstance(intent, Named) and intent.shift:
            rows = self._origins.get(plain(intent.table), {})
            self._origins[plain(intent.table)] = {judge.moved(key): row for key, row in rows.items()}
        if not isinstance(intent, Copied | Remade):
            return
        old = plain(intent.table)
        new = plain(intent.target) if isinstance(intent, Copied) else old
        fates = {plain(c): fate for c, fate in intent.columns.items()}
        names = {c: start for (t, c), start in self._columns.items() if t == old}
        self._columns = {k: v for k, v in self._columns.items() if k[0] != old}
        # Where two columns end in one, it is that whose values are there.
        for column, start in sorted(names.items(), key=lambda c: c[0] in fates and fates[c[0]].how != "none"):
            fate = fates.get(column, Fate(column, "bare"))
            # A column that was added and filled with something else is none of those from before.
            if fate.name is not None and new and not (isinstance(intent, Remade) and fate.how == "none"):
                self._columns[new, plain(fate.name)] = start
        start_table = self._tables.pop(old, None)
        if new and start_table is not None:
            self._tables[new] = start_table
        if isinstance(intent, Copied):
            rows = self._origins.pop(old, {})
            self._origins[new] = {now: rows[key] for key, now in judge.partners(new) if key in rows}


class _Judge:
    """Compares the dumps around one step."""

    def __init__(self, conn: sqlite3.Connection, step: Step, before: Dump, after: Dump, matched: set[Key]) -> None:
        self.conn, self.step, self.before, self.after, self.matched = conn, step, before, after, matched
        self.intent = step.intent
        self.named = plain(self.intent.table) if self.intent else ""

    def items(self) -> Iterator[tuple[Item, Key | None]]:
        for table, rows in self.before.items():
            if table != self.named:
                yield from self._bystander(table, rows)
            elif isinstance(self.intent, Named):
                yield from self._by_name(self.intent, rows)
            elif isinstance(self.intent, Copied):
                yield from self._copied(self.intent, rows)
            elif isinstance(self.intent, Remade):
                yield from self._remade(self.intent, rows)

    def moved(self, key: Key) -> Key:
        """The key of a row after a statement that may set it."""
        shift = self.intent.shift if isinstance(self.intent, Named) else 0
        return (key[0] + shift, *key[1:]) if shift and key in self.matched and isinstance(key[0], int) else key

    def partner(self, key: Key) -> Key:
        """The key of a row after a copy."""
        shift = self.intent.shift if isinstance(self.intent, Copied) else 0
        return (key[0] + shift, *key[1:]) if shift and isinstance(key[0], int) else key

    def partners(self, target: str) -> Iterator[tuple[Key, Key]]:
        """The keys of the rows before and after a copy; by their order where no key was copied."""
        assert isinstance(self.intent, Copied)
        before, after = self.before[self.named], self.after.get(target, {})
        if self.intent.key not in ("none", "new"):
            yield from ((key, self.partner(key)) for key in before)
        elif len(before) == len(after):
            yield from zip(before, after, strict=True)

    # -- tables that the statement does not name

    def _bystander(self, table: str, rows: dict[Key, Row]) -> Iterator[tuple[Item, Key | None]]:
        after = self.after[table]
        for key, row in rows.items():
            now = after.get(key)
            if now is None:
                yield Item(table, None), key
            else:
                yield from self._emptied(table, key, row, now)

    def _emptied(self, table: str, key: Key, row: Row, now: Row) -> Iterator[tuple[Item, Key | None]]:
        for column, value in row.items():
            new = now.get(column)
            if value is not NULL and (new is NULL or self._is_defaulted(table, column, value, new)):
                yield Item(table, column), key

    def _is_defaulted(self, table: str, column: str, old: object, new: object) -> bool:
        """Whether ON DELETE SET DEFAULT moved it."""
        if old == new:
            return False
        actions = [r[6] for r in self.conn.execute(f"PRAGMA foreign_key_list({quoted(table)})") if r[3] == column]
        return "SET DEFAULT" in actions and new in (typed(11), typed("k0"))

    # -- the table that it names

    def _by_name(self, intent: Named, rows: dict[Key, Row]) -> Iterator[tuple[Item, Key | None]]:
        after = self.after[self.named]
        own_effects = self._writes_to_itself()
        columns = {plain(c) for c in intent.columns}
        for key, row in rows.items():
            named = key in self.matched
            now = after.get(self.moved(key))
            if now is None:
                if intent.verb != "delete" or not named:
                    yield Item(self.named, None), key
                elif own_effects:
                    yield Item(self.named, None, sure=False), key
                continue
            if not named:
                yield from self._emptied(self.named, key, row, now)
                continue
            for column, value in row.items():
                new = now.get(column)
                if value is NULL or new == value or (column == "id" and intent.shift):
                    continue
                if column in columns:
                    # Its own word, unless something else wrote there too.
                    if new is NULL and own_effects:
                        yield Item(self.named, column, sure=False), key
                elif intent.verb == "replace" or new is NULL or self._is_defaulted(self.named, column, value, new):
                    yield Item(self.named, column, sure=not (own_effects and intent.verb == "replace")), key

    def _writes_to_itself(self) -> bool:
        """Whether a trigger or an action of the table may write to the table."""
        word = rf"\b(FROM|UPDATE|INTO)\s+\"?{re.escape(self.named)}\"?(?!\w)"
        triggers = self.conn.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        writes = any(re.search(word, sql, re.IGNORECASE) for (sql,) in triggers if "INSTEAD OF" not in sql)
        return writes or self._refers_to_itself()

    def _refers_to_itself(self) -> bool:
        references = self.conn.execute(f"PRAGMA foreign_key_list({quoted(self.named)})").fetchall()
        return any(r[2].lower() == self.named.lower() for r in references)

    # -- copies

    def _copied(self, intent: Copied, rows: dict[Key, Row]) -> Iterator[tuple[Item, Key | None]]:
        after = self.after.get(plain(intent.target), {}) if intent.target else {}
        fates = {plain(c): fate for c, fate in intent.columns.items()}
        if intent.key == "new":
            stay = {key for key, row in rows.items() if after.get(key) == row}
            yield from ((Item(self.named, "id", exact=False), key) for key in rows if key not in stay)
        elif intent.key == "none":
            yield from self._bag(fates, rows, after)
        else:
            missing = [key for key in rows if self.partner(key) not in after]
            acts = self._refers_to_itself() and bool(self.conn.execute("PRAGMA foreign_keys").fetchone()[0])
            yield from ((Item(self.named, None, exact=not acts), key) for key in missing)
            # What an action took was copied before, perhaps without the values of some columns.
            yield from ((Item(self.named, c, sure=False), key) for key in missing if acts for c in fates)
            for key, row in rows.items():
                if self.partner(key) in after:
                    yield from self._values(fates, key, row, after[self.partner(key)], exact=not missing)

    def _bag(
        self, fates: Mapping[str, Fate], rows: dict[Key, Row], after: dict[Key, Row]
    ) -> Iterator[tuple[Item, Key | None]]:
        if all(fate.how == "bare" for fate in fates.values()) and len(after) < len(rows):
            names = [(c, plain(fate.name)) for c, fate in fates.items() if fate.name is not None]
            left = Counter(tuple(row[n] for _, n in names) for row in after.values())
            for key, row in rows.items():
                values = tuple(row[c] for c, _ in names)
                if left[values]:
                    left[values] -= 1
                else:
                    yield Item(self.named, None), key
            return
        if len(after) < len(rows):
            # An action took rows of the copy away.
            yield from ((Item(self.named, None, exact=False), None) for _ in range(len(rows) - len(after)))
            return
        for (key, row), now in zip(rows.items(), after.values(), strict=False):
            yield from self._values(fates, key, row, now, exact=False)

    def _values(
        self, fates: Mapping[str, Fate], key: Key, row: Row, now: Row, *, exact: bool
    ) -> Iterator[tuple[Item, Key | None]]:
        for column, fate in fates.items():
            value = row[column]
            if value is NULL:
                continue
            new = now[plain(fate.name)] if fate.name is not None else NULL
            if (
                new is NULL
                or (fate.how == "none" and new != value)
                or (fate.how == "bare" and not self._back(value, new))
            ):
                yield Item(self.named, column, exact=exact), key

    def _back(self, old: object, new: object) -> bool:
        """Whether ``new`` becomes ``old`` when it is cast to its type."""
        if old == new:
            return True
        assert isinstance(old, tuple)
        assert isinstance(new, tuple)
        kind = {"str": "TEXT", "int": "INTEGER", "float": "REAL", "bytes": "BLOB"}[old[0]]
        if isinstance(new[1], str) and re.search("[\udc80-\udcff]", new[1]):
            return False
        return typed(self.conn.execute(f"SELECT CAST(? AS {kind})", (new[1],)).fetchone()[0]) == old

    def _remade(self, intent: Remade, rows: dict[Key, Row]) -> Iterator[tuple[Item, Key | None]]:
        after = self.after[self.named]
        fates = {plain(c): fate for c, fate in intent.columns.items()}
        # A column of the same name that was filled from others may hold the same value by chance.
        filled = any(fate.how == "none" and fate.name is not None for fate in fates.values())
        for key, row in rows.items():
            if key not in after:
                yield Item(self.named, None), key
                continue
            yield from self._values(fates, key, row, after[key], exact=not filled)
            rest = {c: v for c, v in row.items() if c not in fates}
            yield from self._emptied(self.named, key, rest, after[key])
