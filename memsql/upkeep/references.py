"""Which rows refer to which: the foreign keys of the schema, and keys that only a file or a person declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from memsql.config import Settings
from memsql.errors import FileError, Location, UsageError
from memsql.project.checks import read_checks
from memsql.schema import Schema, Table
from memsql.sqltext import fold, free_rowid, quote
from memsql.sqltext.tokens import Token, tokenize

_FORM = "write it as notes.topic_id -> topics.id, or as notes (a, b) -> topics (x, y)"

FOREIGN_KEY = "foreign key"
"""The origin of a reference that the schema declares."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``columns`` of the table ``child`` refer to ``parent_columns`` of ``parent``, names as the schema spells them.

    ``number``: SQLite's number of a foreign key, None for a key that the schema does not declare; ``origin`` says who
    does. ``problem``: why nothing can be said of it, a sentence; None where something can.
    """

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    origin: str = FOREIGN_KEY
    number: int | None = None
    problem: str | None = None

    @property
    def is_unchecked(self) -> bool:
        """Whether it is a foreign key that SQLite cannot check, so that it refuses to write the child."""
        return self.number is None and self.origin == FOREIGN_KEY and self.problem is None

    @property
    def is_movable(self) -> bool:
        """Whether rows that refer to nothing by it can be moved."""
        return not self.is_unchecked and self.problem is None

    @property
    def shown(self) -> str:
        """``notes.user_id -> users.id``."""
        if len(self.columns) == 1 and len(self.parent_columns) == 1:
            return f"{self.child}.{self.columns[0]} -> {self.parent}.{self.parent_columns[0]}"
        return f"{self.child} ({', '.join(self.columns)}) -> {self.parent} ({', '.join(self.parent_columns)})"


def references(settings: Settings, schema: Schema, more: Iterable[str]) -> list[Reference]:
    """The foreign keys of ``schema``, those behind ``-- references:`` in the files of sql/checks, and ``more``, texts
    of the command line.

    Raises FileError and UsageError for a text that is none, or that names what is not there.
    """
    shown = f"{settings.show(settings.sql)}/checks"
    result = list(of_schema(schema))
    for check in read_checks(settings.sql / "checks", shown):
        for text, line in check.references:
            where = Location(check.path, line)
            try:
                result.append(parse(text, f"{check.path}:{line}", schema))
            except UsageError as e:
                raise FileError(f"{check.path}: {e.message}", where=where, hint=e.hint) from None
    result += [parse(text, "--key", schema) for text in more]
    known: dict[tuple[str, ...], Reference] = {}
    for one in result:
        known.setdefault((one.child, *one.columns, one.parent, *one.parent_columns), one)
    return list(known.values())


def of_schema(schema: Schema) -> Iterator[Reference]:
    """The foreign keys of the tables of ``schema``."""
    for table in schema.tables.values():
        for number, key in enumerate(table.foreign_keys if table.kind == "table" else ()):
            parent = schema.table(key.parent)
            columns = key.referred(parent)
            problem = None
            if parent is None:
                problem = f"there is no table {key.parent}"
            elif len(columns) != len(key.columns):
                problem = f"{key.parent} has no key of {len(key.columns)} columns"
            name = key.parent if parent is None else parent.name
            yield Reference(table.name, key.columns, name, columns, FOREIGN_KEY, number, problem)


def parse(text: str, origin: str, schema: Schema) -> Reference:
    """The reference that ``text`` is. Raises UsageError where it is none, or names what is not in ``schema``."""
    tokens = tokenize(text)
    arrow = next((place for place, token in enumerate(tokens) if token.text == "->"), len(tokens))
    child, parent = _side(tokens[:arrow]), _side(tokens[arrow + 1 :])
    if child is None or parent is None or len(child[1]) != len(parent[1]):
        raise UsageError(f"no reference: {text}", state="nothing was changed", hint=_FORM)
    (table, columns), (other, keys) = (_known(schema, *side) for side in (child, parent))
    return Reference(table.name, columns, other.name, keys, origin)


def identity(table: Table) -> str | None:
    """The name by which the rowid of ``table`` is reached; None where it has none, or columns hide it."""
    return None if table.without_rowid else free_rowid(column.name for column in table.columns)


def orphaned(reference: Reference, schema: Schema, alias: str = "c") -> str:
    """SQL: whether the row ``alias`` of the child refers to no row. A foreign key is judged by SQLite itself."""
    child = schema.tables[reference.child]
    rowid = identity(child)
    if reference.number is not None and rowid is not None:
        name = reference.child.replace("'", "''")
        violations = f"SELECT rowid FROM pragma_foreign_key_check('{name}') WHERE fkid = {reference.number}"
        return f"{alias}.{quote(rowid)} IN ({violations})"
    if rowid is None and not child.without_rowid:
        # Nothing tells its rows apart for certain: they are asked one by one.
        goal = f"SELECT 1 FROM {quote(reference.parent)} AS p WHERE {same(reference, alias)}"
        return f"{refers(reference, alias)} AND NOT EXISTS ({goal})"
    goal = f"SELECT {listed(child, 'n')} FROM {joined(reference)}"
    return f"{refers(reference, alias)} AND {key(child, alias)} NOT IN ({goal})"


def joined(reference: Reference) -> str:
    """SQL: the rows ``p`` of the parent with the rows ``n`` of the child that refer to them. SQLite builds an index
    for a join where none is there; within EXISTS it would read the whole parent for each row of the child."""
    return f"{quote(reference.parent)} AS p JOIN {quote(reference.child)} AS n ON {same(reference, 'n')}"


def key(table: Table, alias: str) -> str:
    """SQL: what tells the row ``alias`` of ``table`` from others: its rowid, or else its primary key."""
    return f"({listed(table, alias)})"


def listed(table: Table, alias: str) -> str:
    """key() as a SELECT lists it."""
    rowid = identity(table)
    columns = table.primary_key if rowid is None else (rowid,)
    return ", ".join(f"{alias}.{quote(column)}" for column in columns)


def refers(reference: Reference, alias: str = "c") -> str:
    """SQL: whether no column of the key is NULL."""
    return " AND ".join(f"{alias}.{quote(column)} IS NOT NULL" for column in reference.columns)


def same(reference: Reference, alias: str = "c", parent: str = "p") -> str:
    """SQL: whether the row ``alias`` refers to the row ``parent``. The parent's column stands first: its collation
    counts."""
    pairs = zip(reference.parent_columns, reference.columns, strict=True)
    return " AND ".join(f"{parent}.{quote(key)} = {alias}.{quote(column)}" for key, column in pairs)


def _side(tokens: Sequence[Token]) -> tuple[str, tuple[str, ...]] | None:
    """Table and columns of ``table.column`` or ``table (column, column)``."""
    texts = [token.text for token in tokens]
    if len(tokens) == 3 and texts[1] == ".":
        names = [tokens[0].name, tokens[2].name]
    elif len(tokens) >= 4 and texts[1] == "(" and texts[-1] == ")" and set(texts[3:-1:2]) <= {","}:
        names = [tokens[0].name, *(token.name for token in tokens[2:-1:2])]
    else:
        return None
    return (names[0], tuple(names[1:])) if all(names) else None


def _known(schema: Schema, name: str, columns: tuple[str, ...]) -> tuple[Table, tuple[str, ...]]:
    table = schema.table(name)
    if table is None or table.kind != "table":
        raise UsageError(f"there is no table {name}", state="nothing was changed", hint=_FORM)
    spelled = {fold(column.name): column.name for column in table.columns}
    missing = [column for column in columns if fold(column) not in spelled]
    if missing:
        raise UsageError(f"{table.name} has no column {missing[0]}", state="nothing was changed", hint=_FORM)
    return table, tuple(spelled[fold(column)] for column in columns)
