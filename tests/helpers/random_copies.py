"""The rebuilds of random migrations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from random_intents import Copied, Fate, Step
from random_tables import Column, Table

if TYPE_CHECKING:
    from random_changes import Author


class Copy:
    """Writes one rebuild of ``table``."""

    def __init__(self, author: Author, table: Table) -> None:
        self.author, self.table, self.rng, self.schema = author, table, author.rng, author.schema
        self.careful = author.careful
        self.columns: list[Column] = []
        self.into: list[str] = []
        self.select: list[str] = []
        self.fates: dict[str, Fate] = {}
        self.tags = ["rebuild"]

    @property
    def may_forget_key(self) -> bool:
        """Whether the rows may get new keys: nothing refers to them, and losing the old ones is no accident."""
        return self.table.key == "int" and not self.careful and not self.schema.references(self.table.name)

    def step(self, *, new_keys: bool = False) -> Step:
        """The rebuild. ``new_keys``: the key is not copied for sure, which ``may_forget_key`` must allow."""
        key, shift = self._key(new_keys)
        plain = shift != 0 or key == "new"
        rows = "" if plain and key == "new" else self._rows()
        # Without keys to go by, rows that are missing and columns that differ cannot be told apart.
        one_kind = self.table.key == "none" and rows != ""
        for column in self.table.columns:
            self._column(column, plain=plain or one_kind, bare=key == "new" or one_kind)
        if self.into and key == "none" and all(fate.how == "none" for fate in self.fates.values()):
            # Of such a table no row could be told from another one.
            self.columns, self.into, self.select, self.fates = [], [], [], {}
            for column in self.table.columns:
                self._add(column, "bare", column.name)
        for name, fate in list(self.fates.items()):
            if fate.name is None and name in self.select:
                # Its values are in a column that had others: it has another name now.
                self.fates[name] = Fate(self.into[self.select.index(name)], "bare")
        new = replace(self.table, columns=tuple(self.columns))
        statements = self._statements(new, rows)
        if shift:
            new = replace(new, ids=tuple(str(int(i) + shift) for i in new.ids))
        self.author.set(new)
        intent = Copied(self.table.name, self.table.name, self.fates, key, shift)
        return self.author.step(self.table, intent, statements, *self.tags)

    def _key(self, new_keys: bool) -> tuple[str, int]:
        table, rng = self.table, self.rng
        if table.key == "none":
            return "none", 0
        referenced = bool(self.schema.references(table.name))
        if not new_keys and table.key == "int" and not referenced and rng.random() < 0.12:
            self.into, self.select = ["id"], ["id + 5000"]
            self.tags.append("key moved")
            return "shift", 5000
        if new_keys or (self.may_forget_key and rng.random() < 0.4):
            self.tags.append("key not copied")
            return "new", 0
        self.into, self.select = list(table.keys), list(table.keys)
        return "same", 0

    def _rows(self) -> str:
        """What follows FROM, and stands for rows that are left out."""
        if self.careful or self.rng.random() < 0.5:
            return ""
        if self.table.key == "none":
            return self.rng.choice(["DISTINCT", "LIMIT 1", f"WHERE {self.author.where(self.table)}"])
        return self.rng.choice(["LIMIT 1", "LIMIT 100", f"WHERE {self.author.where(self.table)}"])

    def _column(self, column: Column, *, plain: bool, bare: bool) -> None:
        """``plain``: no expression, whose values could not be matched; ``bare``: nothing but a bare copy."""
        free = column in self.author.free(self.table)
        if bare or not free or (self.careful and self.rng.random() < 0.4):
            self._add(column, "bare", column.name)
            return
        chance = self.rng.random()
        if chance < 0.1:
            renamed = replace(column, name=f"n{self.schema.number()}")
            self._add(renamed, "bare", column.name, old=column.name)
        elif chance < 0.3 and not self.careful:
            self.fates[column.name] = Fate(column.name, "none")
            self.columns.append(replace(column, default=self.rng.choice([None, "'d'"])))
            self.tags.append("column forgotten")
        elif chance < 0.4 and not self.careful and len(self.table.columns) > 1 and self.columns:
            self.fates[column.name] = Fate(None, "none")
            self.tags.append("column forgotten")
        elif plain:
            self._add(column, "bare", column.name)
        else:
            how, expression, type_ = self.author.expression(column, self.table)
            if type_ != column.type or "CAST" in expression:
                self.tags.append("type changed")
            self._add(replace(column, type=type_), how, expression)

    def _add(self, column: Column, how: str, expression: str, *, old: str | None = None) -> None:
        self.fates[old or column.name] = Fate(column.name, how)
        self.columns.append(column)
        self.into.append(column.name)
        self.select.append(expression)

    def _statements(self, new: Table, rows: str) -> list[str]:
        name, rng = self.table.name, self.rng
        drop, create = self.schema.dependents(name)
        distinct, tail = ("DISTINCT ", "") if rows == "DISTINCT" else ("", f" {rows}" if rows else "")
        into, select = ", ".join(self.into), ", ".join(self.select)
        styles = ["new"] * 5
        if self.into and not self.schema.references(name):
            styles += ["rename first"]
            if not any(c.reference for c in self.table.columns):
                styles += ["chain"]
        style = rng.choice(styles)
        if style == "new":
            fresh = f"fresh_{self.schema.number()}"
            fill = f"INSERT INTO {fresh} ({into}) SELECT {distinct}{select} FROM {name}{tail};" if into else "SELECT 1;"
            if into and rows == "" and rng.random() < 0.2 and self.table.key in ("int", "text"):
                some = rng.choice(self.table.ids)
                fill = (
                    f"INSERT INTO {fresh} ({into}) SELECT {select} FROM {name} WHERE id < {some} "
                    f"UNION ALL SELECT {select} FROM {name} WHERE id >= {some};"
                )
            body = [new.create(fresh), fill, f"DROP TABLE {name};", f"ALTER TABLE {fresh} RENAME TO {name};"]
        elif style == "rename first":
            body = [
                f"ALTER TABLE {name} RENAME TO old_one;",
                new.create(name),
                f"INSERT INTO {name} ({into}) SELECT {distinct}{select} FROM old_one{tail};",
                "DROP TABLE old_one;",
            ]
        else:
            self.tags.append("chain")
            body = [
                f"CREATE TABLE keep AS SELECT * FROM {name};",
                f"DROP TABLE {name};",
                new.create(name),
                f"INSERT INTO {name} ({into}) SELECT {distinct}{select} FROM keep{tail};",
                "DROP TABLE keep;",
            ]
        return [*drop, *body, *create]
