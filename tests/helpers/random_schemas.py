"""Random schemas and random edits of them, for property tests."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from random import Random

from memsql.sqltext.names import fold

NAMES = ("a", "b", "c d", "E", "select", "naïve", 'x"y', "text", "key", "it's")
TYPES = ("", "INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "BOOLEAN", "VARCHAR(10)", "INT", '"my type! (3.2)"', "[a b]")
STRICT_TYPES = ("INTEGER", "TEXT", "REAL", "BLOB", "ANY", "INT")
DEFAULTS = ("0", "'x'", "-1", "''", "NULL", "(1 + 1)", "CURRENT_TIMESTAMP", "2.5", "'it''s; --'")


def q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(eq=False)
class Col:
    """A column; ``was`` is its name before the edit, ``goal`` the column of ``parent`` to which it refers, None for the
    key. ``named``: the CHECK names the table; ``source`` is the column from which it is computed."""

    name: str
    type: str
    notnull: bool = False
    default: str | None = None
    unique: bool = False
    check: bool = False
    collate: bool = False
    parent: Tab | None = None
    goal: Col | None = None
    named: bool = False
    computed: str = ""
    source: Col | None = None
    was: str | None = None

    def sql(self, table: Tab) -> str:
        parts = [q(self.name), self.type]
        if self.computed:
            expression = f"length({q(self.source.name)}) + 1" if self.source else "1 + 1"
            return " ".join([*parts, f"AS ({expression}) {self.computed}", "NOT NULL" * self.notnull])
        parts += ["COLLATE NOCASE"] if self.collate else []
        parts += ["NOT NULL"] if self.notnull else []
        parts += ["DEFAULT " + self.default] if self.default is not None else []
        parts += ["UNIQUE"] if self.unique else []
        me = f"{q(table.name)}." * self.named + q(self.name)
        parts += [f"CHECK ({me} IS NULL OR length({me}) < 40)"] if self.check else []
        goal = self.goal or (self.parent.cols[0] if self.parent else self)
        parts += [f"REFERENCES {q(self.parent.name)} ({q(goal.name)})"] if self.parent else []
        return " ".join(filter(None, parts))


@dataclass(eq=False)
class Tab:
    """A table with an INTEGER PRIMARY KEY, or without rowid, and what stands on it."""

    name: str
    cols: list[Col]
    autoincrement: bool = False
    strict: bool = False
    without_rowid: bool = False
    indexes: list[tuple[str, list[Col], bool, bool]] = field(default_factory=list)
    view: list[Col] = field(default_factory=list)
    trigger: bool = False
    fts: list[Col] = field(default_factory=list)
    was: str | None = None

    def sql(self) -> str:
        lines = []
        for place, col in enumerate(self.cols):
            text = col.sql(self)
            if place == 0:
                text = f"{q(col.name)} INTEGER PRIMARY KEY{' AUTOINCREMENT' if self.autoincrement else ''}"
            comma = "," if place < len(self.cols) - 1 else ""
            remark = f" -- renamed from: {q(col.was)}" if col.was and col.was != col.name else ""
            lines.append(f"    {text}{comma}{remark}")
        options = ", ".join((["STRICT"] if self.strict else []) + (["WITHOUT ROWID"] if self.without_rowid else []))
        above = f"-- renamed from: {q(self.was)}\n" if self.was and self.was != self.name else ""
        return (
            f"{above}CREATE TABLE {q(self.name)} (\n" + "\n".join(lines) + f"\n) {options};\n" + "".join(self._others())
        )

    def _others(self) -> list[str]:
        me, statements = q(self.name), []
        for name, cols, unique, partial in self.indexes:
            where = f" WHERE {q(cols[0].name)} IS NOT NULL" if partial else ""
            statements.append(
                f"CREATE {'UNIQUE ' if unique else ''}INDEX {q(name)} ON {me} ("
                f"{', '.join(q(c.name) for c in cols)}){where};\n"
            )
        if self.view:
            statements.append(
                f"CREATE VIEW {q('v ' + self.indexes_name())} AS SELECT "
                f"{', '.join(q(c.name) for c in self.view)} FROM {me};\n"
            )
            statements.append(
                f"CREATE VIEW {q('w ' + self.indexes_name())} AS SELECT * FROM {q('v ' + self.indexes_name())};\n"
            )
        if self.trigger:
            statements.append(
                f"CREATE TRIGGER {q('t ' + self.indexes_name())} AFTER INSERT ON {me} BEGIN\n"
                f"    INSERT INTO log (what) VALUES (new.{q(self.cols[0].name)});\nEND;\n"
                f"CREATE TRIGGER {q('u ' + self.indexes_name())} AFTER UPDATE OF {q(self.cols[-1].name)} ON {me}\n"
                f"WHEN old.{q(self.cols[-1].name)} IS NOT new.{q(self.cols[-1].name)} BEGIN\n"
                f"    INSERT INTO log (what) SELECT {q(self.cols[0].name)} FROM {me} LIMIT 1;\nEND;\n"
            )
        if self.fts:
            statements.append(self._fts())
        return statements

    def indexes_name(self) -> str:
        return self.was or self.name

    def _fts(self) -> str:
        me, key = q(self.name), q(self.cols[0].name)
        index = q("f " + self.indexes_name())
        names = ", ".join(q(c.name) for c in self.fts)
        new, old = (", ".join(f"{row}.{q(c.name)}" for c in self.fts) for row in ("new", "old"))
        delete = f"INSERT INTO {index} ({index}, rowid, {names}) VALUES ('delete', old.{key}, {old});"
        insert = f"INSERT INTO {index} (rowid, {names}) VALUES (new.{key}, {new});"
        content = self.name.replace("'", "''")
        rowid = self.cols[0].name.replace("'", "''")
        return (
            f"CREATE VIRTUAL TABLE {index} USING fts5({names}, content='{content}', content_rowid='{rowid}');\n"
            f"CREATE TRIGGER {q('fi ' + self.indexes_name())} AFTER INSERT ON {me} BEGIN {insert} END;\n"
            f"CREATE TRIGGER {q('fd ' + self.indexes_name())} AFTER DELETE ON {me} BEGIN {delete} END;\n"
            f"CREATE TRIGGER {q('fu ' + self.indexes_name())} AFTER UPDATE ON {me} BEGIN {delete} {insert} END;\n"
        )


def text(tables: list[Tab]) -> str:
    return "CREATE TABLE log (what);\n" + "\n".join(t.sql() for t in tables)


def make(rng: Random) -> list[Tab]:
    """One to three tables."""
    tables: list[Tab] = []
    for number in range(rng.randint(1, 3)):
        tables.append(_table(rng, f"{rng.choice(('t', 'T t', 'tä'))}{number}", tables))
    return tables


def _table(rng: Random, name: str, tables: list[Tab]) -> Tab:
    table = Tab(name, [Col(rng.choice(("id", "Id", "the id")), "INTEGER")], strict=rng.random() < 0.25)
    table.autoincrement = rng.random() < 0.3
    table.without_rowid = not table.autoincrement and rng.random() < 0.15
    for column in rng.sample(NAMES, rng.randint(1, 5)):
        table.cols.append(_column(rng, column, table, [*tables, table]))
    _stand_on(rng, table)
    return table


def _column(rng: Random, name: str, table: Tab, tables: list[Tab]) -> Col:
    col = Col(name, rng.choice(STRICT_TYPES if table.strict else TYPES))
    if rng.random() < 0.2:
        col.type = "INTEGER"
        _refer(rng, col, tables)
        if rng.random() < 0.2 and col.type == "INTEGER":
            col.default = rng.choice(("0", "1"))
        return col
    if rng.random() < 0.1:
        col.computed = rng.choice(("VIRTUAL", "STORED"))
        col.type = "INTEGER"
        col.source = rng.choice([None, *(c for c in table.cols if not c.computed)])
        col.notnull = rng.random() < 0.4
        return col
    col.notnull = rng.random() < 0.3
    if not table.strict:
        col.default = rng.choice(DEFAULTS) if rng.random() < 0.4 else None
        if col.notnull and col.default == "NULL":
            col.default = None
    col.unique = rng.random() < 0.1
    col.check = rng.random() < 0.2
    col.named = rng.random() < 0.5
    col.collate = rng.random() < 0.15
    return col


def _refer(rng: Random, col: Col, tables: list[Tab]) -> None:
    """Let ``col`` refer to the key of a table, or to another unique column of its type."""
    col.parent = rng.choice(tables)
    col.goal = rng.choice([None, *(c for c in col.parent.cols[1:] if c.unique and c.type == col.type and c is not col)])


def _refers(tables: list[Tab], goal: Col) -> list[Col]:
    """The columns that refer to ``goal``, which is no key."""
    return [c for t in tables for c in t.cols if c.parent and c.goal is goal]


def _stand_on(rng: Random, table: Tab) -> None:
    for number in range(rng.randint(0, 2)):
        cols = rng.sample(table.cols[1:], rng.randint(1, min(2, len(table.cols) - 1)))
        table.indexes.append((f"i{number} {table.name}", cols, rng.random() < 0.2, rng.random() < 0.3))
    if rng.random() < 0.4:
        table.view = rng.sample(table.cols, rng.randint(1, len(table.cols)))
    table.trigger = rng.random() < 0.3
    if not table.without_rowid and rng.random() < 0.4:
        table.fts = [c for c in table.cols[1:] if not c.computed][:2]


def edit(rng: Random, tables: list[Tab]) -> list[Tab]:
    """The same tables after one to four changes."""
    after = copy.deepcopy(tables)
    for table in after:
        table.was = table.name
        for col in table.cols:
            col.was = col.name
    for _ in range(rng.randint(1, 4)):
        _change(rng, after)
    return after


def _change(rng: Random, after: list[Tab]) -> None:
    what = rng.choice(
        (
            "add",
            "add",
            "drop",
            "rename",
            "toggle",
            "toggle",
            "toggle",
            "type",
            "table",
            "options",
            "stand",
            "rename table",
            "drop table",
            "retarget",
            "letters",
            "key",
        )
    )
    table = rng.choice(after)
    others = table.cols[1:]
    free = [n for n in NAMES if n not in {c.name for c in table.cols} and n not in {c.was for c in table.cols}]
    if what == "add" and free:
        col = _column(rng, rng.choice(free), table, after)
        if col.notnull and col.default is None:
            col.notnull = False
        table.cols.insert(rng.randint(1, len(table.cols)), col)
    elif what == "drop" and len(others) > 1:
        _drop(table, rng.choice(others), after)
    elif what == "rename" and free:
        rng.choice(table.cols).name = rng.choice(free)
    elif what == "toggle" and others:
        _toggle(rng, rng.choice(others), after)
    elif what == "type" and others:
        col = rng.choice(others)
        if not col.computed and not col.parent and not _refers(after, col):
            col.type = rng.choice(STRICT_TYPES if table.strict else TYPES)
    elif what == "table" and len(after) < 4:
        after.append(_table(rng, f"new{len(after)}", after))
    elif what == "options":
        _options(rng, table)
    elif what == "stand":
        table.indexes, table.view, table.trigger, table.fts = [], [], False, []
        _stand_on(rng, table)
    elif what == "rename table":
        table.name = table.name.swapcase() if rng.random() < 0.3 else f"renamed {after.index(table)}"
    elif what == "drop table" and len(after) > 1:
        after.remove(table)
        for other in after:
            for col in other.cols:
                if col.parent is table:
                    col.parent = col.goal = None
    else:
        _change_keys(rng, what, table, after)


def _change_keys(rng: Random, what: str, table: Tab, after: list[Tab]) -> None:
    others = table.cols[1:]
    referring = [c for c in others if c.parent]
    if what == "retarget" and referring:
        _refer(rng, rng.choice(referring), after)
    elif what == "letters":
        col = rng.choice(table.cols)
        if fold(col.name) not in {fold(c.name) for c in table.cols if c is not col}:
            col.name = col.name.swapcase() if col.name.isascii() else col.name
    elif what == "key":
        plain = [c for c in others if not c.computed and not c.parent and not _refers(after, c)]
        if plain and not (table.strict or table.without_rowid):
            key, old = rng.choice(plain), table.cols[0]
            table.cols.remove(key)
            table.cols.insert(0, key)
            key.type, key.unique, key.notnull, key.default = "INTEGER", False, False, None
            old.unique, old.notnull, old.default = True, rng.random() < 0.3, None
            # What refers to the old key goes on to do so.
            for col in (c for t in after for c in t.cols if c.parent is table and c.goal is None):
                col.goal = old
            table.fts = [c for c in table.fts if c is not key]
            table.indexes = [i for i in table.indexes if key not in i[1]]


def _drop(table: Tab, col: Col, tables: list[Tab]) -> None:
    for other in _refers(tables, col):
        other.parent = other.goal = None
    for other in table.cols:
        if other.source is col:
            other.source = None
    table.cols.remove(col)
    table.indexes = [i for i in table.indexes if col not in i[1]]
    table.view = [c for c in table.view if c is not col]
    table.fts = [c for c in table.fts if c is not col]


def _toggle(rng: Random, col: Col, tables: list[Tab]) -> None:
    which = rng.choice(("notnull", "unique", "check", "collate", "default", "named"))
    if (col.computed and which != "notnull") or (which in ("unique", "collate") and _refers(tables, col)):
        return
    if which == "default":
        col.default = (
            rng.choice(("0", "1", None))
            if col.type not in ("TEXT", "BLOB")
            else rng.choice(("'d'", None))
            if col.type == "TEXT"
            else None
        )
    else:
        setattr(col, which, not getattr(col, which))
    if col.notnull and col.default == "NULL":
        col.default = None


def _options(rng: Random, table: Tab) -> None:
    which = rng.choice(("strict", "without_rowid", "autoincrement"))
    if (
        which == "strict"
        and not table.strict
        and any(c.type not in STRICT_TYPES or c.default not in (None, "0") for c in table.cols)
    ):
        return
    if which == "without_rowid" and (table.autoincrement or table.fts):
        return
    if which == "autoincrement" and table.without_rowid:
        return
    setattr(table, which, not getattr(table, which))
