"""What the proof of loss asks the schema again and again: it follows the changes of the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from memsql.db import Connection, Touched, Value
from memsql.db.queries import load
from memsql.engine.loss.copies import Copy
from memsql.engine.loss.tables import ROWID, Definition, Table, read_table, shadow_owner
from memsql.engine.structure.catalog import Catalog
from memsql.engine.structure.snapshot import StoredObject
from memsql.sqltext import fold, identifiers
from memsql.sqltext.internal import is_nobodys_data
from memsql.sqltext.selects import Select
from memsql.sqltext.writes import Write, read_trigger, read_view


class Facts:
    """The schema of a connection: the database itself, or a copy of a server's schema."""

    def __init__(self, conn: Connection, catalog: Catalog | None = None, *, temporary: bool) -> None:
        """``catalog``: of ``conn``; by default one of its own. ``temporary``: whether there may be TEMP tables."""
        self._conn, self._temporary = conn, temporary
        self._catalog = catalog or Catalog(conn)
        self._tables: dict[str, Table | None] = {}
        self._views: dict[str, Select] = {}
        self._triggers: dict[str, list[Write]] = {}
        self._armed: dict[str, bool] = {}
        self._temporary_rows: dict[str, Sequence[tuple[Value, ...]]] = {}

    def table(self, name: str) -> Table | None:
        """The table or view ``name``, in any case."""
        folded = fold(name)
        if folded not in self._tables:
            definition = self._definition(folded)
            owner = None if definition is None else self._shadow_owner(definition.name)
            self._tables[folded] = None if definition is None else read_table(self._conn, definition, owner)
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
        return self._shadow_owner(name) if is_derived else None

    def is_view(self, name: str) -> bool:
        """Whether ``name`` is a view."""
        table = self.table(name)
        return table is not None and table.kind == "view"

    def view_select(self, name: str) -> Select | None:
        """The SELECT of the view ``name``; None where it is none."""
        if not self.is_view(name):
            return None
        if name not in self._views:
            definition = self._definition(fold(name))
            self._views[name] = Select() if definition is None else read_view(definition.sql)
        return self._views[name]

    def is_armed(self, name: str) -> bool:
        """Whether writes to the table or view ``name`` (folded) may reach more: it has a trigger, or a foreign key with
        an action names it."""
        if name not in self._armed:
            schema = self._catalog.snapshot()
            self._armed[name] = (
                any(obj.type == "trigger" for obj in schema.belonging([name]))
                or any(row[0] == name for row in self._temporary_schema("engine/armed_temporary"))
                or any(self._acts(child, name) for child in schema.referring_to([name]))
            )
        return self._armed[name]

    def _acts(self, child: StoredObject, parent: str) -> bool:
        """Whether a foreign key of the table ``child`` with an action names the table ``parent`` (folded)."""
        return bool(self._conn.execute(load("engine/acting_key"), (child.name, parent)).rows)

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
        for row in self._temporary_schema("engine/trigger_texts_temporary"):
            if fold(str(row[0])) == name:
                return str(row[1])
        trigger = self._catalog.snapshot().get(("trigger", name))
        return "" if trigger is None else trigger.sql

    def replaces(self) -> bool:
        """Whether some constraint or trigger replaces rows."""
        return self._some(_replaces, "engine/replaces_temporary")

    def ignores(self) -> bool:
        """Whether some constraint or trigger ignores rows."""
        return self._some(_ignores, "engine/ignores_temporary")

    def _some(self, test: Callable[[StoredObject], bool], query: str) -> bool:
        """Whether some object passes ``test``, or the ``query`` finds one that is temporary."""
        return self._catalog.snapshot().any(test) or bool(self._temporary_schema(query))

    def _temporary_schema(self, query: str) -> Sequence[tuple[Value, ...]]:
        """The rows of a ``query`` of the temporary schema."""
        if not self._temporary:
            return ()
        if query not in self._temporary_rows:
            self._temporary_rows[query] = self._conn.execute(load(query)).rows
        return self._temporary_rows[query]

    def _definition(self, name: str) -> Definition | None:
        """The table or view ``name`` (folded); a TEMP one comes first."""
        if self._temporary:
            rows = self._conn.execute(load("engine/object_temporary"), (name,)).rows
            if rows:
                return Definition(str(rows[0][0]), str(rows[0][1]), str(rows[0][2] or ""), "temp")
        obj = self._catalog.snapshot().relation(name)
        return None if obj is None else Definition(obj.type, obj.name, obj.sql, "main")

    def _shadow_owner(self, name: str) -> str | None:
        return shadow_owner(self._catalog.snapshot(), name)

    def refers_to_itself(self, name: str) -> bool:
        """Whether the table ``name`` has a foreign key to itself."""
        return bool(self._conn.execute(load("engine/refers_to_itself"), (name,)).rows)

    def triggers_of(self, name: str) -> frozenset[str]:
        """The triggers of the view ``name``."""
        return frozenset(o.name for o in self._catalog.snapshot().belonging([fold(name)]) if o.type == "trigger")

    def view_words(self, name: str) -> frozenset[str]:
        """All names, folded, in the text of the view ``name`` and of the views that it names."""
        words: set[str] = set()
        views = [name]
        while views:
            view = self._catalog.snapshot().relation(fold(views.pop()))
            new = frozenset() if view is None else identifiers(view.sql) - words
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
        if not self._catalog.snapshot().any(_is_index):
            return False
        from memsql.fts import discover

        return any(fold(index.content or "") == fold(table.name) for index in discover(self._conn))

    def read_again(self, conn: Connection) -> None:
        """Forget everything: the schema is that of ``conn`` now."""
        self._conn, self._catalog = conn, Catalog(conn)
        self._forget()

    def changed(self, touched: Touched) -> None:
        """Forget what statements that reached ``touched`` may have changed."""
        if touched.changes_schema:
            self._catalog.note(touched)
            self._forget()

    def settle(self) -> None:
        """Follow what changed until now, before statements run that may be undone."""
        self._catalog.snapshot()

    def _forget(self) -> None:
        self._tables.clear()
        self._views.clear()
        self._triggers.clear()
        self._armed.clear()
        self._temporary_rows.clear()


def _replaces(obj: StoredObject) -> bool:
    sql = obj.sql.lower()
    if _follows(sql, "conflict", "replace"):
        return True
    return obj.type == "trigger" and (_follows(sql, "or", "replace") or _follows(sql, "replace", "into"))


def _follows(text: str, first: str, second: str) -> bool:
    """Whether ``second`` stands somewhere behind ``first`` in ``text``."""
    place = text.find(first)
    return place >= 0 and text.find(second, place + len(first)) >= 0


def _ignores(obj: StoredObject) -> bool:
    return "ignore" in obj.sql.lower()


def _is_index(obj: StoredObject) -> bool:
    sql = obj.sql.lower()
    return obj.type == "table" and sql.startswith("create virtual table") and "fts5" in sql
