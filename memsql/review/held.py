"""Which columns hold values that a migration did not make itself, while its statements run one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memsql.db.authorizer import DELETE, UPDATE
from memsql.db.protocol import Touched
from memsql.schema import Schema
from memsql.sqltext import Effect, fold


@dataclass(slots=True)
class Held:
    """The columns by table, in lower case: those from before, and those of tables into which values were copied."""

    columns: dict[str, set[str]]

    @classmethod
    def by(cls, schema: Schema) -> Held:
        """What a database with this ``schema`` holds before the migration."""
        return cls({fold(t.name): _names(c.name for c in t.columns) for t in schema.tables.values()})

    def loses(self, what: Effect, touched: Touched) -> bool:
        """Whether a statement removes such values: it deletes rows, writes over a column, or drops it."""
        table = fold(what.name or "")
        if what.kind == "drop":
            return what.object_type == "table" and bool(self.columns.get(table))
        if what.kind == "alter_drop_column":
            return fold(what.column or "") in self.columns.get(table, ())
        if what.kind == "replace" and self.columns.get(table):
            return True
        return any(
            self.columns.get(fold(name)) if action == DELETE else fold(column or "") in self.columns.get(fold(name), ())
            for action, name, column, trigger in touched.writes
            if trigger is None and action in (DELETE, UPDATE)
        )

    def follow(self, what: Effect, schema: Schema, *, copies: bool) -> None:
        """Take note of a statement that ran, and left ``schema``. ``copies``: it writes what it read from a table."""
        name = fold(what.name or "")
        match what.kind:
            case "drop" if what.object_type == "table":
                self.columns.pop(name, None)
            case "alter_rename":
                self.columns[fold(what.new_name or "")] = self.columns.pop(name, set())
            case "alter_rename_column" if fold(what.column or "") in self.columns.get(name, ()):
                self.columns[name] ^= {fold(what.column or ""), fold(what.new_name or "")}
            case "create" | "insert" | "replace" if copies:
                table = schema.table(name)
                if table is not None:
                    self.columns[fold(table.name)] = _names(c.name for c in table.columns)


def _names(columns: Iterable[str]) -> set[str]:
    return set(map(fold, columns))
