"""Random schemas as data: what a schema says, without a spelling."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

Expression = tuple[object, ...]
"""("column", name), ("number", text), ("string", value), ("binary", operator, left, right), ("not", x), ("minus", x),
("null", x, negated), ("between", x, low, high, negated), ("in", x, items, negated), ("like", x, pattern, negated),
("call", name, arguments), ("case", condition, then, otherwise), ("collate", x, name), ("cast", x, type)."""

TYPES = ("INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "VARCHAR(10)", "INT", "")
COLLATIONS = ("", "NOCASE", "RTRIM")
CONFLICTS = ("", "ROLLBACK", "FAIL", "IGNORE", "REPLACE")
ACTIONS = ("NO ACTION", "CASCADE", "SET NULL", "RESTRICT", "SET DEFAULT")
COLUMN_NAMES = ("a", "eMail", "c d", "größe", "select", "key", "N", 'x"y', "it's")
STRINGS = ("x", "Free", "free", "it's", "", "a -- b", "(,", "NULL")
DEFAULTS: tuple[Expression | None, ...] = (
    None,
    ("number", "0"),
    ("number", "1.5"),
    ("string", "x"),
    ("string", "Free"),
    ("word", "CURRENT_TIMESTAMP"),
    ("binary", "+", ("number", "1"), ("number", "1")),
    ("minus", ("number", "1")),
)


@dataclass
class Column:
    name: str
    type: str = ""
    not_null: str | None = None
    default: Expression | None = None
    collation: str = ""
    generated: Expression | None = None
    stored: bool = False


@dataclass
class Key:
    """``terms`` are pairs: a column, and whether it descends."""

    terms: list[tuple[str, bool]]
    conflict: str = ""


@dataclass
class Reference:
    columns: list[str]
    parent: str
    parent_columns: list[str]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferred: bool = False


@dataclass
class Check:
    expression: Expression
    name: str = ""


@dataclass
class Table:
    name: str
    columns: list[Column]
    primary: Key | None = None
    autoincrement: bool = False
    unique: list[Key] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    without_rowid: bool = False
    strict: bool = False

    @property
    def plain(self) -> list[Column]:
        """The columns that are not generated."""
        return [c for c in self.columns if c.generated is None]


@dataclass
class Index:
    """``terms`` are triples: an expression, its collation, whether it descends."""

    name: str
    table: str
    terms: list[tuple[Expression, str, bool]]
    unique: bool = False
    where: Expression | None = None


@dataclass
class View:
    """``results`` are pairs: an expression, and its label."""

    name: str
    table: str
    results: list[tuple[Expression, str]]
    where: Expression | None = None
    distinct: bool = False
    order: Expression | None = None
    limit: str = ""
    left_join: str = ""


@dataclass
class Trigger:
    name: str
    table: str
    moment: str
    event: str
    of: list[str]
    when: Expression | None
    target: str
    assigned: str
    value: Expression
    where: Expression | None


@dataclass
class FullText:
    name: str
    columns: list[str]
    unindexed: str = ""
    tokenize: tuple[str, ...] = ()
    prefix: str = ""


@dataclass
class Model:
    tables: list[Table]
    indexes: list[Index] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    full_text: list[FullText] = field(default_factory=list)

    def table(self, name: str) -> Table:
        return next(t for t in self.tables if t.name == name)


def random_expression(random: Random, columns: list[str], depth: int = 2) -> Expression:
    """A condition over ``columns``."""
    if depth == 0:
        return random_operand(random, columns)

    def inner() -> Expression:
        return random_expression(random, columns, random.randrange(depth))

    kind = random.randrange(12)
    if kind < 3:
        return ("binary", random.choice(("=", "<>", "<", ">=", "+", "||", "*", "-", "&", "->>")), inner(), inner())
    if kind < 5:
        return ("binary", random.choice(("AND", "OR")), inner(), inner())
    negated = random.random() < 0.4
    return (
        ("not", inner()),
        ("null", inner(), negated),
        ("between", inner(), random_operand(random, columns), inner(), negated),
        ("in", inner(), [random_operand(random, columns) for _ in range(random.randint(1, 3))], negated),
        ("like", inner(), ("string", random.choice(STRINGS)), negated),
        ("call", random.choice(("lower", "length", "abs")), [inner()]),
        ("case", inner(), inner(), inner()),
    )[kind - 5]


def random_operand(random: Random, columns: list[str]) -> Expression:
    kind = random.randrange(8)
    if kind < 4:
        return ("column", random.choice(columns))
    return (
        ("number", random.choice(("0", "1", "21", "1.5", "100"))),
        ("string", random.choice(STRINGS)),
        ("minus", ("column", random.choice(columns))),
        ("cast", ("column", random.choice(columns)), random.choice(("INTEGER", "TEXT", "VARCHAR(10)"))),
    )[kind - 4]


def random_model(random: Random) -> Model:
    """A schema with tables that refer to each other, indexes, a view, a trigger and a full-text table."""
    parent = Table("team", [Column("id", "INTEGER"), Column("code", "TEXT", "")], Key([("id", False)]))
    parent.unique.append(Key([("code", False)]))
    model = Model([parent])
    for name in random.sample(("member", "Order", "größe", "we ird"), random.randint(1, 2)):
        model.tables.append(_random_table(random, name))
    for number in range(random.randint(0, 2)):
        table = random.choice(model.tables[1:])
        model.indexes.append(_random_index(random, f"Idx_{number}", table))
    table = random.choice(model.tables[1:])
    names = [c.name for c in table.columns]
    if random.random() < 0.6:
        results = [
            (random_expression(random, names, 1), label)
            for label in random.sample(("Team", "total", "x y", "n"), random.randint(1, 3))
        ]
        model.views.append(
            View(
                "Roster",
                table.name,
                results,
                random_expression(random, names) if random.random() < 0.6 else None,
                random.random() < 0.3,
                ("column", random.choice(names)) if random.random() < 0.3 else None,
                random.choice(("", "", "10", "10 5")),
                random.choice(("", "", "join", "left")),
            )
        )
    if random.random() < 0.6:
        event = random.choice(("INSERT", "UPDATE", "DELETE"))
        old_or_new = "old" if event == "DELETE" else "new"
        plain = [c.name for c in table.plain]
        model.triggers.append(
            Trigger(
                "Keep",
                table.name,
                random.choice(("BEFORE", "AFTER")),
                event,
                random.sample(plain, 2) if event == "UPDATE" and random.random() < 0.6 else [],
                random_expression(random, [f"{old_or_new}.{n}" for n in plain], 1) if random.random() < 0.5 else None,
                table.name,
                random.choice(plain),
                random_expression(random, plain, 1),
                random_expression(random, plain) if random.random() < 0.7 else None,
            )
        )
    if random.random() < 0.4:
        model.full_text.append(
            FullText(
                "Docs",
                random.sample(("head", "Body", "tail"), random.randint(1, 3)),
                random.choice(("", "extra")),
                random.choice(((), ("porter",), ("unicode61", "tokenchars", "X"), ("porter", "ascii"))),
                random.choice(("", "2", "2 3")),
            )
        )
    return model


def _random_table(random: Random, name: str) -> Table:
    strict = random.random() < 0.2
    types = ("INTEGER", "TEXT", "REAL", "BLOB", "INT") if strict else TYPES
    columns = [
        Column(
            n,
            random.choice(types),
            random.choice((None, None, *CONFLICTS)),
            random.choice(DEFAULTS),
            random.choice(COLLATIONS),
        )
        for n in random.sample(COLUMN_NAMES, random.randint(3, 5))
    ]
    table = Table(name, columns, strict=strict)
    names = [c.name for c in columns]
    kind = random.randrange(4)
    if kind == 0:
        columns[0].type, columns[0].collation = "INTEGER", ""
        table.primary = Key([(names[0], False)], random.choice(CONFLICTS))
        table.autoincrement = random.random() < 0.5
    elif kind == 1:
        table.primary = Key([(n, random.random() < 0.3) for n in random.sample(names, 2)], random.choice(CONFLICTS))
        table.without_rowid = random.random() < 0.5
    keyed = {tuple(n for n, _ in table.primary.terms)} if table.primary else set()
    for _ in range(random.randint(0, 2)):
        terms = [(n, random.random() < 0.2) for n in random.sample(names, random.randint(1, 2))]
        if tuple(n for n, _ in terms) not in keyed:
            keyed.add(tuple(n for n, _ in terms))
            table.unique.append(Key(terms, random.choice(CONFLICTS)))
    for number in range(random.randint(0, 2)):
        check = Check(random_expression(random, names), random.choice(("", f"Adult_{number}")))
        if check.expression not in [c.expression for c in table.checks]:
            table.checks.append(check)
    if random.random() < 0.5:
        table.references.append(
            Reference(
                [random.choice(names)],
                "team",
                [random.choice(("id", "code"))],
                random.choice(ACTIONS),
                random.choice(ACTIONS),
                random.random() < 0.3,
            )
        )
    if random.random() < 0.4:
        kind_of = random.choice(types)
        expression = random_expression(random, names)
        columns.append(Column("made", kind_of, generated=expression, stored=random.random() < 0.5))
    return table


def _random_index(random: Random, name: str, table: Table) -> Index:
    names = [c.name for c in table.columns]
    terms: list[tuple[Expression, str, bool]] = [
        (("column", n), random.choice(COLLATIONS), random.random() < 0.3) for n in random.sample(names, 2)
    ]
    if random.random() < 0.3:
        terms.append((("call", "lower", [("column", random.choice(names))]), "", False))
    where = random_expression(random, names) if random.random() < 0.5 else None
    return Index(name, table.name, terms, random.random() < 0.4, where)
