"""Rules about what a table demands of its rows, and demands no more or otherwise after a rebuild."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from memsql.lint.catalogue import Catalogue
from memsql.lint.model import Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.schema import Column, Schema
from memsql.schema.weaker import weaker
from memsql.sqltext import fold
from memsql.sqltext.affinity import affinity
from memsql.sqltext.names import quote_if_needed

_SEQUENCE = "AUTOINCREMENT"


@rule("MS35", "type_changed", "warning", ("migration",))
def type_changed(script: Script) -> Iterator[Hit]:
    """A rebuild gives a column a type that changes values.

    **Anti-pattern** SQLite converts what it copies: of `'007'` an INTEGER column keeps 7, of `'1e3'` 1000, and no error
    says so. Into a STRICT table a value of another type fails, and with it the migration.

        CREATE TABLE users_new (id INTEGER PRIMARY KEY, phone INTEGER);    -- users.phone is TEXT
        INSERT INTO users_new (id, phone) SELECT id, phone FROM users;

    **Best practice** Count the values that change in production, mend them in a migration before this one, and say what
    you saw. Types that SQLite stores alike (VARCHAR and TEXT) are no finding.

        -- allow: MS35 none in production: SELECT count(*) FROM users WHERE CAST(CAST(phone AS INTEGER) AS TEXT) <>
        phone
    """
    if script.before is None:
        return
    for rebuild in script.remade:
        old, new = script.before.table(rebuild.table), script.after.table(rebuild.table)
        if old is None or new is None or not (rebuild.copies or rebuild.create.selects):
            continue
        now = {fold(column.name): column for column in new.columns if not column.hidden}
        for column in [column for column in old.columns if not column.hidden]:
            other = now.get(fold(column.name))
            if other is None or (new.strict and fold(other.type) == "any"):
                continue
            # An INTEGER PRIMARY KEY holds nothing else already.
            refuses = new.strict and not old.strict and not (column.pk and fold(column.type) == "integer")
            if not (refuses or _converts(column.type, other.type)):
                continue
            was, type_ = (shown.type or "untyped" for shown in (column, other))
            yield Hit(
                rebuild.create.place_of(other.name),
                f"{new.name}.{other.name} was {was} and is {type_}: "
                + ("STRICT refuses values of another type" if refuses else "its values are converted"),
                f"count them in production and say what you saw: {_query(old.name, column, other.type)}",
            )


def _converts(was: str, becomes: str) -> bool:
    """Whether a column of one declared type turns some values of a column of another one into other values."""
    one, two = (affinity(declared).replace("integer", "numeric") for declared in (was, becomes))
    return one != two and two != "blob"


def _query(table: str, column: Column, becomes: str) -> str:
    """A query that counts the values of ``column`` that the type ``becomes`` changes."""
    name, kinds = quote_if_needed(column.name), affinity(becomes)
    if kinds in ("text", "blob"):
        condition = f"typeof({name}) IN ('integer', 'real')"
    elif affinity(column.type) in ("text", "blob"):
        condition = f"CAST(CAST({name} AS NUMERIC) AS TEXT) <> {name}"
    else:
        condition = f"typeof({name}) NOT IN ('null', '{'real' if kinds == 'real' else 'integer'}')"
    return f"SELECT count(*) FROM {quote_if_needed(table)} WHERE {condition}"


@rule("MS36", "constraint_dropped", "warning", ("migration",))
def constraint_dropped(script: Script) -> Iterator[Hit]:
    """A table demands less of its rows, or other things, than before.

    **Anti-pattern** A rebuild that forgets a CHECK, NOT NULL, UNIQUE, foreign key, DEFAULT or COLLATE looks like one
    that keeps it. So does an index that is made again over other columns. Rows that nobody wanted come in later, and
    then the constraint cannot be brought back.

        CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT);    -- users.email was NOT NULL UNIQUE

    **Best practice** Write every constraint again. Where one is to go, say so.

        -- allow: MS36 guests have no email
    """
    hint = "write it again, or say that it may go: -- allow: MS36 <reason>"
    for step, sentences in _weakened(script):
        for sentence in sentences:
            if _SEQUENCE not in sentence:
                yield Hit(step.at, sentence, hint)
    for step in script.of("alter_column"):
        place = step.find("DROP")
        words = [token.word for token in step.tokens[place + 1 : place + 3]] if place is not None else []
        if place is not None and (words == ["NOT", "NULL"] or words[:1] == ["CONSTRAINT"]):
            what = step.effect.column if words[0] == "NOT" else step.tokens[-1].text
            named = "NOT NULL of column" if words[0] == "NOT" else "constraint"
            yield Hit(step.tokens[place].start, f"{named} {what} of {step.effect.name} is dropped", hint)


@rule("MS42", "autoincrement_lost", "warning", ("migration",))
def autoincrement_lost(script: Script) -> Iterator[Hit]:
    """A rebuild leaves AUTOINCREMENT out.

    **Anti-pattern** The table then gives the numbers of deleted rows to new ones. Whoever kept such a number (an
    application, a log, another database) finds a stranger's row under it.

        CREATE TABLE orders_new (id INTEGER PRIMARY KEY, total INTEGER);    -- orders.id was AUTOINCREMENT

    **Best practice** Keep the word. Where numbers may come again, say so.

        CREATE TABLE orders_new (id INTEGER PRIMARY KEY AUTOINCREMENT, total INTEGER);
    """
    tables = [script.before.table(r.table) for r in script.remade] if script.before is not None else []
    if not any(table is not None and _SEQUENCE in table.sql.upper() for table in tables):
        return
    for step, sentences in _weakened(script):
        for sentence in sentences:
            if _SEQUENCE in sentence:
                yield Hit(
                    step.place_of(step.effect.name),
                    f"{sentence}: numbers of deleted rows are given again",
                    "write AUTOINCREMENT again, or say why not: -- allow: MS42 <reason>",
                )


def _weakened(script: Script) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """The statements that make a table anew, or drop an index, and what the table then enforces less or otherwise."""
    if script.before is None:
        return
    makers: dict[str, Step] = {}
    for step in script.of("drop"):
        index = script.before.index(step.name) if step.effect.object_type == "index" else None
        if index is not None and index.unique:
            makers[fold(index.table)] = step
    makers |= {rebuild.table: rebuild.create for rebuild in script.remade}
    for table, step in makers.items():
        if script.after.type_of(table) == "table" == script.before.type_of(table):
            old = _around(script.before, table)
            new = _around(script.after, table)
            # Parents only name their keys; what became of them is said where they are made anew.
            same = {name: old.tables.get(name, shape) for name, shape in new.tables.items() if fold(name) != table}
            yield step, weaker(old, replace(new, tables={**new.tables, **same}))


def _around(state: Catalogue, name: str) -> Schema:
    """The table ``name`` with its indexes, and the tables that its foreign keys name."""
    excerpt, table = state.excerpt(name), state.table(name)
    keys = table.foreign_keys if table is not None else ()
    shapes = (state.table(other) for other in chain([name], (key.parent for key in keys)))
    tables = {shape.name: shape for shape in shapes if shape is not None}
    return Schema(tables, excerpt.of(name, "index"))


RULES = (type_changed, constraint_dropped, autoincrement_lost)
