"""Single edits of a model of a schema, each of which changes what the schema means."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from spelled_model import (
    ACTIONS,
    COLLATIONS,
    CONFLICTS,
    Check,
    Column,
    Expression,
    FullText,
    Index,
    Key,
    Model,
    Reference,
    Table,
    Trigger,
    View,
    random_expression,
)

Edit = Callable[[Random, Model], bool]
"""Changes a model in place; False where the model has nothing to change in this way, or would not be a schema."""


def edited(random: Random, model: Model) -> tuple[Model, str]:
    """``model`` with one random edit, and the name of the edit."""
    while True:
        copied, chosen = copy.deepcopy(model), random.choice(EDITS)
        if chosen(random, copied) and copied != model:
            return copied, chosen.__name__


def _other(random: Random, choices: Sequence[Any], value: object) -> Any:
    return random.choice([c for c in choices if c != value])


def _column(random: Random, model: Model) -> tuple[Table, Column]:
    table = random.choice(model.tables[1:])
    return table, random.choice(table.plain)


def _change(random: Random, e: Expression) -> Expression:
    """``e`` with one thing in it changed."""
    inner = [place for place, part in enumerate(e) if isinstance(part, tuple)]
    if inner and random.random() < 0.7:
        place = random.choice(inner)
        part = e[place]
        assert isinstance(part, tuple)
        return (*e[:place], _change(random, part), *e[place + 1 :])
    match e:
        case ("string", str(value)):
            return ("string", value.swapcase() if value.swapcase() != value else value + "!")
        case ("number", text):
            return ("number", "7" if text != "7" else "8")
        case ("binary", operator, left, right):
            return ("binary", {"AND": "OR", "OR": "AND", "=": "<>", "<": ">="}.get(str(operator), "="), left, right)
        case ("between" | "in" | "like" | "null", *_):
            return (*e[:-1], not e[-1])
        case ("call", name, arguments):
            return ("call", "upper" if name == "lower" else "lower", arguments)
        case ("cast", x, declared):
            return ("cast", x, "REAL" if declared != "REAL" else "TEXT")
    return ("not", e)


def add_column(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    table.columns.append(Column("further", "INTEGER"))
    return True


def change_type(random: Random, model: Model) -> bool:
    table, column = _column(random, model)
    if table.autoincrement:
        return False
    column.type = _other(random, ("INTEGER", "TEXT", "REAL", "BLOB", "INT"), column.type)
    return True


def change_not_null(random: Random, model: Model) -> bool:
    table, column = _column(random, model)
    if (table.without_rowid or table.strict) and table.primary and column.name in [n for n, _ in table.primary.terms]:
        # It is NOT NULL in any case.
        return False
    column.not_null = _other(random, (None, *CONFLICTS), column.not_null)
    return True


def change_default(random: Random, model: Model) -> bool:
    _, column = _column(random, model)
    choices = (None, ("number", "5"), ("string", "5"), ("string", "Abc"), ("string", "abc"), ("number", "5.5"))
    column.default = _other(random, choices, column.default)
    return True


def change_collation(random: Random, model: Model) -> bool:
    _, column = _column(random, model)
    column.collation = _other(random, COLLATIONS, column.collation)
    return True


def change_primary_key(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    if table.primary is None:
        taken = [[n for n, _ in key.terms] for key in table.unique]
        name = random.choice([c.name for c in table.plain])
        if [name] in taken:
            return False
        table.primary = Key([(name, False)])
    elif len(table.primary.terms) == 2:
        table.primary.terms.reverse()
        taken = [[n for n, _ in key.terms] for key in table.unique]
        return [n for n, _ in table.primary.terms] not in taken
    else:
        table.primary, table.autoincrement = None, False
    return True


def change_conflict_of_key(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    keys = [*table.unique, *([table.primary] if table.primary else [])]
    if not keys:
        return False
    key = random.choice(keys)
    key.conflict = _other(random, CONFLICTS, key.conflict)
    return True


def change_autoincrement(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    if table.primary is None or len(table.primary.terms) > 1 or table.without_rowid:
        return False
    table.autoincrement = not table.autoincrement
    return True


def change_unique(random: Random, model: Model) -> bool:
    table, column = _column(random, model)
    if table.unique and random.random() < 0.7:
        key = random.choice(table.unique)
        if len(key.terms) == 2 and random.random() < 0.5:
            key.terms.pop()
            names = [[n for n, _ in k.terms] for k in table.unique]
            return names.count([key.terms[0][0]]) == 1 and not _is_primary(table, key)
        table.unique.remove(key)
        return True
    key = Key([(column.name, False)])
    if any(k.terms[0][0] == column.name and len(k.terms) == 1 for k in table.unique) or _is_primary(table, key):
        return False
    table.unique.append(key)
    return True


def _is_primary(table: Table, key: Key) -> bool:
    return table.primary is not None and [n for n, _ in table.primary.terms] == [n for n, _ in key.terms]


def change_check(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    if not table.checks:
        table.checks.append(Check(random_expression(random, [c.name for c in table.columns])))
        return True
    check = random.choice(table.checks)
    match random.randrange(3):
        case 0:
            table.checks.remove(check)
        case 1:
            check.name = _other(random, ("", "other"), check.name)
        case _:
            check.expression = _change(random, check.expression)
            return [c.expression for c in table.checks].count(check.expression) == 1
    return True


def change_reference(random: Random, model: Model) -> bool:
    table, column = _column(random, model)
    if not table.references:
        table.references.append(Reference([column.name], "team", ["id"]))
        return True
    reference = table.references[0]
    match random.randrange(5):
        case 0:
            reference.on_delete = _other(random, ACTIONS, reference.on_delete)
        case 1:
            reference.on_update = _other(random, ACTIONS, reference.on_update)
        case 2:
            reference.deferred = not reference.deferred
        case 3:
            reference.parent_columns = ["code"] if reference.parent_columns == ["id"] else ["id"]
        case _:
            table.references.clear()
    return True


def change_generated(random: Random, model: Model) -> bool:
    for table in model.tables:
        for column in table.columns:
            if column.generated is not None:
                if random.random() < 0.5:
                    column.stored = not column.stored
                else:
                    column.generated = _change(random, column.generated)
                return True
    return False


def change_options(random: Random, model: Model) -> bool:
    table, _ = _column(random, model)
    if any(c.type not in ("INTEGER", "TEXT", "REAL", "BLOB", "INT") for c in table.columns):
        return False
    table.strict = not table.strict
    return True


def rename_in_letters(random: Random, model: Model) -> bool:
    """Other ASCII letters are the same name to SQLite, and are shown all the same."""
    things: list[Any] = [*model.tables[1:], *model.indexes, *model.views, *model.triggers]
    thing = random.choice(things)
    _follow(model, thing, "".join(c.swapcase() if c.isascii() else c for c in thing.name))
    return True


def rename(random: Random, model: Model) -> bool:
    things: list[Any] = [*model.tables[1:], *model.indexes, *model.views, *model.triggers, *model.full_text]
    thing = random.choice(things)
    _follow(model, thing, thing.name + "_2")
    return True


def _follow(model: Model, thing: Any, new: str) -> None:
    users: list[Any] = [*model.indexes, *model.views, *model.triggers]
    for user in users:
        if isinstance(thing, Table) and user.table == thing.name:
            user.table = new
        if isinstance(user, Trigger) and isinstance(thing, Table) and user.target == thing.name:
            user.target = new
    thing.name = new


def drop(random: Random, model: Model) -> bool:
    lists: list[list[Any]] = [model.indexes, model.views, model.triggers, model.full_text]
    chosen = random.choice(lists)
    if chosen:
        chosen.pop()
        return True
    return False


def change_index(random: Random, model: Model) -> bool:
    if not model.indexes:
        return False
    index: Index = random.choice(model.indexes)
    names = [c.name for c in model.table(index.table).columns]
    expression, collation, desc = index.terms[0]
    match random.randrange(5):
        case 0:
            index.unique = not index.unique
        case 1:
            index.terms[0] = (expression, collation, not desc)
        case 2 if index.where:
            index.where = random.choice((None, _change(random, index.where)))
        case 2:
            index.where = random_expression(random, names)
        case 3:
            if index.terms[0] == index.terms[1]:
                return False
            index.terms[0], index.terms[1] = index.terms[1], index.terms[0]
        case _:
            own = next(c.collation for c in model.table(index.table).columns if ("column", c.name) == expression)
            index.terms[0] = (expression, _other(random, ("NOCASE", "RTRIM"), collation or own), desc)
    return True


def change_view(random: Random, model: Model) -> bool:
    if not model.views:
        return False
    view: View = model.views[0]
    expression, label = view.results[0]
    match random.randrange(7):
        case 0:
            view.results[0] = (expression, label.swapcase())
        case 1:
            view.results[0] = (_change(random, expression), label)
        case 2:
            view.distinct = not view.distinct
        case 3:
            view.limit = "11" if view.limit != "11" else ""
        case 4:
            view.left_join = _other(random, ("", "join", "left"), view.left_join)
        case 5 if view.where:
            view.where = _change(random, view.where)
        case _:
            view.results.append((("number", "1"), "one"))
    return True


def change_trigger(random: Random, model: Model) -> bool:
    if not model.triggers:
        return False
    trigger: Trigger = model.triggers[0]
    match random.randrange(5):
        case 0:
            trigger.moment = "AFTER" if trigger.moment == "BEFORE" else "BEFORE"
        case 1 if trigger.event == "UPDATE":
            trigger.of = trigger.of[1:] or [trigger.assigned]
        case 2 if trigger.when:
            trigger.when = None
        case 3 if trigger.where:
            trigger.where = _change(random, trigger.where)
        case _:
            trigger.value = _change(random, trigger.value)
    return True


def change_full_text(random: Random, model: Model) -> bool:
    if not model.full_text:
        return False
    table: FullText = model.full_text[0]
    match random.randrange(4):
        case 0:
            table.tokenize = (
                ("unicode61", "tokenchars", "x") if "X" in table.tokenize else ("unicode61", "tokenchars", "X")
            )
        case 1:
            table.prefix = _other(random, ("", "2", "2 3", "4"), table.prefix)
        case 2:
            table.unindexed = "" if table.unindexed else "extra"
        case _:
            table.columns.append("another")
    return True


EDITS: tuple[Edit, ...] = (
    add_column,
    change_type,
    change_not_null,
    change_default,
    change_collation,
    change_primary_key,
    change_conflict_of_key,
    change_autoincrement,
    change_unique,
    change_check,
    change_reference,
    change_generated,
    change_options,
    rename_in_letters,
    rename,
    drop,
    change_index,
    change_view,
    change_trigger,
    change_full_text,
)
