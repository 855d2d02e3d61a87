"""Random tables with rows, triggers and a view, as SQL and as what a generator of migrations has to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

VALUES: dict[str, list[str]] = {
    "TEXT": ["'a'", "'b'", "''", "'007'", "'12'", "'A-17'", "'x y'", "NULL", "'Ann'", "'1.50'"],
    "INTEGER": ["0", "1", "7", "9007199254740993", "-3", "NULL", "42"],
    "REAL": ["0.5", "12.5", "3.0", "NULL", "0.1 + 0.2"],
    "BLOB": ["x'00'", "x'6162'", "x'ff41'", "NULL"],
    "": ["1", "'1'", "1.5", "x'01'", "NULL", "'a'"],
}
# The last names need quotes in SQL.
TABLES = ["team", "member", "item", '"or der"', '"tägé"']
COLUMNS = ["a", "b", "c", "d", '"the e"', "ö"]
GONE = ("CASCADE", "SET NULL", "SET DEFAULT")
# The id of the first row, by the kind of key; it is the default of references.
FIRST = {"int": "11", "text": "'k0'"}


@dataclass(frozen=True)
class Reference:
    """A foreign key of one column: ``table`` is the parent, whose key is ``id``."""

    table: str
    on_delete: str
    on_update: str

    @property
    def sql(self) -> str:
        return f" REFERENCES {self.table} (id) ON DELETE {self.on_delete} ON UPDATE {self.on_update}"


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    unique: str = ""
    default: str | None = None
    reference: Reference | None = None

    @property
    def sql(self) -> str:
        default = f" DEFAULT {self.default}" if self.default is not None else ""
        return f"{self.name} {self.type}{default}{self.unique}{self.reference.sql if self.reference else ''}".strip()


@dataclass(frozen=True)
class Trigger:
    """``event`` on ``table`` writes to ``target``: ``deletes``, ``empties``, ``overwrites`` (its ``column``) or
    ``inserts``. An INSTEAD OF trigger comes with its view."""

    name: str
    event: str
    table: str
    target: str
    does: str
    column: str = ""
    where: str = "true"

    @property
    def sql(self) -> str:
        body = {
            "deletes": f"DELETE FROM {self.target} WHERE {self.where}",
            "empties": f"UPDATE {self.target} SET {self.column} = NULL WHERE {self.where}",
            "overwrites": f"UPDATE {self.target} SET {self.column} = 'now' WHERE {self.where}",
            "inserts": f"INSERT INTO {self.target} VALUES ('something')",
        }[self.does]
        return f"CREATE TRIGGER {self.name} {self.event} ON {self.table} BEGIN {body}; END;"


@dataclass(frozen=True)
class Table:
    """``key``: ``int``, ``text``, ``pair`` (id and part) or ``none``. ``columns``: those that are not of the key.
    ``ids``: the literals that were ever used as ids."""

    name: str
    key: str
    columns: tuple[Column, ...]
    without_rowid: bool = False
    ids: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return {"int": ("id",), "text": ("id",), "pair": ("id", "part"), "none": ()}[self.key]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.keys, *(column.name for column in self.columns))

    def create(self, name: str) -> str:
        key = {
            "int": ["id INTEGER PRIMARY KEY"],
            "text": ["id TEXT PRIMARY KEY NOT NULL"],
            "pair": ["id INTEGER NOT NULL", "part INTEGER NOT NULL"],
            "none": [],
        }[self.key]
        last = ["PRIMARY KEY (id, part)"] if self.key == "pair" else []
        body = ", ".join([*key, *(column.sql for column in self.columns), *last])
        return f"CREATE TABLE {name} ({body}){' WITHOUT ROWID' if self.without_rowid else ''};"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass
class Schema:
    """The tables and triggers as they are between two statements. Views have one INSTEAD OF trigger each."""

    tables: dict[str, Table]
    triggers: list[Trigger] = field(default_factory=list)
    view: str = ""
    numbers: int = 100

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def references(self, table: str) -> list[tuple[Table, Column]]:
        """The columns that refer to ``table``."""
        return [
            (child, column)
            for child in self.tables.values()
            for column in child.columns
            if column.reference and column.reference.table == table
        ]

    def pinned(self, table: str) -> set[str]:
        """The columns of ``table`` that a trigger or the view names."""
        return {t.column for t in self.triggers if t.target == table} | ({"id"} if self.view == table else set())

    def dependents(self, table: str) -> tuple[list[str], list[str]]:
        """What to drop before ``table`` is made again, and what to create after it."""
        triggers = [t for t in self.triggers if table in (t.table, t.target)]
        drop = [f"DROP TRIGGER {t.name};" for t in triggers]
        create = [t.sql for t in triggers]
        if self.view == table:
            drop, create = [*drop, "DROP VIEW seen;"], [*create, *view_of(table)]
        return drop, create


def view_of(table: str) -> list[str]:
    return [
        f"CREATE VIEW seen AS SELECT id FROM {table};",
        f"CREATE TRIGGER seen_delete INSTEAD OF DELETE ON seen BEGIN DELETE FROM {table} WHERE id = old.id; END;",
    ]


def make(rng: Random) -> tuple[Schema, str]:
    """A schema, and the SQL of it and its rows."""
    schema = Schema({})
    for name in rng.sample(TABLES, rng.randint(2, 4)):
        schema.tables[name] = _table(rng, name, schema)
    statements = [table.create(name) for name, table in schema.tables.items()]
    for table in list(schema.tables.values()):
        statements += _rows(rng, table, schema)
    if rng.random() < 0.55:
        statements.append("CREATE TABLE log (what TEXT);")
        schema.triggers = [_trigger(rng, number, schema) for number in range(rng.randint(1, 2))]
        statements += [trigger.sql for trigger in schema.triggers]
    whole = [t.name for t in schema.tables.values() if t.key == "int"]
    if whole and rng.random() < 0.4:
        schema.view = rng.choice(whole)
        statements += view_of(schema.view)
    return schema, "\n".join(statements) + "\n"


def _table(rng: Random, name: str, schema: Schema) -> Table:
    key = rng.choices(["int", "text", "pair", "none"], [5, 2, 2, 3])[0]
    columns = []
    for column in rng.sample(COLUMNS, rng.randint(2, 4)):
        type_ = rng.choices(list(VALUES), [5, 3, 2, 1, 1])[0]
        columns.append(Column(column, type_))
    if rng.random() < 0.35:
        conflict = rng.choices([" UNIQUE", " UNIQUE ON CONFLICT REPLACE"], [3, 1])[0]
        columns.append(Column("u", "TEXT", unique=conflict))
    table = Table(name, key, tuple(columns), without_rowid=key in ("text", "pair") and rng.random() < 0.5)
    parents = [parent for parent in schema.tables.values() if parent.key in ("int", "text")]
    if key in ("int", "text"):
        parents += [table] * 2
    if parents and rng.random() < 0.75:
        parent = rng.choice(parents)
        on_delete = rng.choices([*GONE, "NO ACTION"], [3, 4, 1, 1])[0]
        reference = Reference(parent.name, on_delete, rng.choice(["CASCADE", "SET NULL", "NO ACTION"]))
        default = FIRST[parent.key] if on_delete == "SET DEFAULT" else None
        type_ = "INTEGER" if parent.key == "int" else "TEXT"
        table = replace(table, columns=(*columns, Column("r", type_, default=default, reference=reference)))
    return table


def _rows(rng: Random, table: Table, schema: Schema) -> list[str]:
    count = rng.randint(2, 6)
    # With gaps, so that rows whose key is not copied get others.
    first = int(FIRST["int"])
    ids = tuple(f"'k{n}'" if table.key == "text" else str(first + 3 * n) for n in range(count))
    schema.tables[table.name] = replace(table, ids=ids)
    rows = []
    for number, identity in enumerate(ids):
        row = {"int": [identity], "text": [identity], "pair": [identity, str(rng.randint(1, 3))], "none": []}[table.key]
        for column in table.columns:
            if column.unique:
                row.append(f"'u{number}'")
            elif column.reference:
                parent = schema.tables[column.reference.table]
                row.append(rng.choice([*parent.ids[: max(1, number)], "NULL"]))
            else:
                row.append(rng.choice(VALUES[column.type]))
        rows.append(f"({', '.join(row)})")
    if table.key == "none" and not any(column.unique for column in table.columns) and rng.random() < 0.6:
        rows.append(rows[0])
    return [f"INSERT INTO {table.name} VALUES {', '.join(rows)};"]


def _trigger(rng: Random, number: int, schema: Schema) -> Trigger:
    names = list(schema.tables)
    table, target = rng.choice(names), rng.choice(names)
    event = rng.choice(["AFTER DELETE", "AFTER UPDATE", "AFTER INSERT", "BEFORE DELETE"])
    does = rng.choices(["deletes", "empties", "overwrites", "inserts"], [3, 3, 3, 3])[0]
    columns = [c for c in schema.tables[target].columns if c.type in ("TEXT", "") and not c.unique and not c.reference]
    if (does in ("empties", "overwrites") and not columns) or does == "inserts":
        return Trigger(f"trigger_{number}", event, table, "log", "inserts")
    keyed = schema.tables[target].keys and schema.tables[table].keys
    side = "new" if event == "AFTER INSERT" else "old"
    where = f"id = {side}.id" if keyed and rng.random() < 0.6 else f"rowid = {rng.randint(1, 3)}"
    if schema.tables[target].keys and "rowid" in where:
        where = f"id = {rng.choice(schema.tables[target].ids)}"
    column = "" if does == "deletes" else rng.choice(columns).name
    return Trigger(f"trigger_{number}", event, table, target, does, column, where)
