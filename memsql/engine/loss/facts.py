"""What the proof of loss asks the schema again and again: read once, and again after a change of the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memsql.db import Connection, Touched, Value
from memsql.db.queries import load
from memsql.engine.loss.copies import Copy
from memsql.engine.loss.tables import ROWID, Table, read_table, shadow_owner
from memsql.sqltext import fold, identifiers
from memsql.sqltext.internal import is_nobodys_data
from memsql.sqltext.selects import Select
from memsql.sqltext.writes import Write, read_trigger, read_view


class Facts:
    """The schema of ``conn``: the database itself, or a copy of a server's schema."""

    def __init__(self, conn: Connection, *, temporary: bool) -> None:
        """``temporary``: whether there may be TEMP tables."""
        self._conn, self._temporary = conn, temporary
        self._tables: dict[str, Table | None] = {}
        self._views: dict[str, Select] = {}
        self._armed: frozenset[str] | None = None
        self._replaces: bool | None = None
        self._ignores: bool | None = None
        self._trigger_texts: dict[str, str] | None = None
        self._triggers: dict[str, list[Write]] = {}

    def table(self, name: str) -> Table | None:
        """The table or view ``name``, in any case."""
        folded = fold(name)
        if folded not in self._tables:
            self._tables[folded] = read_table(self._conn, folded, temporary=self._temporary)
        return self._tables[folded]

    def columns(self, name: str) -> Sequence[str]:
        """The columns of the table or view ``name``, folded."""
        table = self.table(name)
        return tuple(table.columns) if table is not None else ()

    def is_data(self, name: str) -> bool:
        """Whether ``name`` is a table whose rows are somebody's data."""
        table = None if is_nobodys_data(name) else self.table(name)
        return table is not None and table.holds_data

    def shadow_owner(self, name: str) -> str | None:
        """The virtual table that made the table ``name`` for itself; None where none did."""
        table = self.table(name)
        is_derived = table is not None and table.kind == "derived" and not is_nobodys_data(name)
        return shadow_owner(self._conn, name) if is_derived else None

    def is_view(self, name: str) -> bool:
        """Whether ``name`` is a view."""
        table = self.table(name)
        return table is not None and table.kind == "view"

    def view_select(self, name: str) -> Select | None:
        """The SELECT of the view ``name``; None where it is none."""
        if not self.is_view(name):
            return None
        if name not in self._views:
            query = "engine/object" if self._temporary else "engine/object_main"
            rows = self._conn.execute(load(query), (name,)).rows
            self._views[name] = read_view(str(rows[0][2] or "")) if rows else Select()
        return self._views[name]

    def armed(self) -> frozenset[str]:
        """Tables and views, folded, whose writes may reach more than they name."""
        if self._armed is None:
            self._armed = frozenset(fold(str(row[0])) for row in self._both("engine/armed"))
        return self._armed

    def trigger_writes(self, name: str) -> Sequence[Write]:
        """The statements of the trigger ``name``."""
        folded = fold(name)
        if folded not in self._triggers:
            self._triggers[folded] = list(read_trigger(self._trigger_text(folded)))
        return self._triggers[folded]

    def keeps_index(self, trigger: str, index: str) -> bool:
        """Whether ``trigger`` takes from the full-text index ``index`` only the row of a row that is deleted."""
        from memsql.fts.triggers import Trigger, effect_on, takes_old_row

        parsed = Trigger(trigger, "", self._trigger_text(fold(trigger)))
        texts = [text for text in parsed.statements() if effect_on(text, index)]
        return parsed.head().event == "delete" and all(takes_old_row(text, index) for text in texts)

    def _trigger_text(self, name: str) -> str:
        if self._trigger_texts is None:
            self._trigger_texts = {fold(str(name)): str(sql) for name, sql in self._both("engine/trigger_texts")}
        return self._trigger_texts.get(name, "")

    def replaces(self) -> bool:
        """Whether some constraint or trigger replaces rows."""
        if self._replaces is None:
            self._replaces = bool(self._both("engine/replaces"))
        return self._replaces

    def ignores(self) -> bool:
        """Whether some constraint or trigger ignores rows."""
        if self._ignores is None:
            self._ignores = bool(self._both("engine/ignores"))
        return self._ignores

    def _both(self, query: str) -> list[tuple[Value, ...]]:
        """The rows of a query of the schema, and of its twin for what is temporary where that may be."""
        queries = [query, f"{query}_temporary"] if self._temporary else [query]
        return [row for name in queries for row in self._conn.execute(load(name)).rows]

    def refers_to_itself(self, name: str) -> bool:
        """Whether the table ``name`` has a foreign key to itself."""
        return bool(self._conn.execute(load("engine/refers_to_itself"), (name,)).rows)

    def triggers_of(self, name: str) -> frozenset[str]:
        """The triggers of the view ``name``."""
        return frozenset(str(row[0]) for row in self._conn.execute(load("engine/triggers_of"), (name,)).rows)

    def view_words(self, name: str) -> frozenset[str]:
        """All names, folded, in the text of the view ``name`` and of the views that it names."""
        words: set[str] = set()
        views = [name]
        while views:
            rows = self._conn.execute(load("engine/object_main"), (views.pop(),)).rows
            new = identifiers(str(rows[0][2] or "")) - words if rows else frozenset()
            words |= new
            views += [word for word in new if self.is_view(word)]
        return frozenset(words)

    def defaulted(self, name: str) -> frozenset[str]:
        """The columns, folded, of the table ``name`` that a foreign key sets to their default."""
        return frozenset(fold(str(row[0])) for row in self._conn.execute(load("engine/defaulted"), (name,)).rows)

    def needs_rowid(self, table: Table, by_target: Mapping[str, Sequence[Copy]]) -> bool:
        """Whether the rowid identifies rows of a table without a key: a copy carries it, or a full-text index names
        it."""
        if any(ROWID in reads for part in by_target.values() for copy in part for _, reads in copy.values.values()):
            return True
        if not self._conn.execute(load("engine/has_fts")).rows:
            return False
        from memsql.fts import discover

        return any(fold(index.content or "") == fold(table.name) for index in discover(self._conn))

    def read_again(self, conn: Connection) -> None:
        """Forget everything: the schema is that of ``conn`` now."""
        self._conn = conn
        self._tables.clear()
        self._views.clear()
        self._triggers.clear()
        self._armed = self._replaces = self._ignores = self._trigger_texts = None

    def changed(self, touched: Touched, text: str | None = None) -> None:
        """Forget what statements that reached ``touched`` may have changed. ``text``: the one statement, if known."""
        if not (touched.schema or touched.altered or touched.created or touched.dropped):
            return
        self._tables.clear()
        self._views.clear()
        words = None if text is None else text.lower()
        # A table that is dropped may stay among them: then it is only asked about in vain.
        if words is None or any(word in words for word in ("trigger", "references", "rename")):
            self._armed = self._trigger_texts = None
            self._triggers.clear()
        if words is None or any(word in words for word in ("replace", "rename")):
            self._replaces = None
        if words is None or any(word in words for word in ("ignore", "rename")):
            self._ignores = None
