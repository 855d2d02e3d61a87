"""What differs between the schema that is there and the one that is wanted, as far as a migration is to be derived."""

from __future__ import annotations

from collections.abc import Iterable

from memsql.author.change import CannotChange, Hints, Renames, WantedSchema, plan_change
from memsql.schema import Schema, diff
from memsql.sqltext.names import fold


def other_letters(wanted: WantedSchema, before: Schema, after: Schema) -> frozenset[str]:
    """The indexes, triggers and views, in lower case, for which a comment asks for other letters."""
    asking = {fold(c.name) for c in wanted.comments if fold(c.name) == fold(c.old)}
    spelled = {(o.type, o.name) for o in before.objects}
    return frozenset(
        fold(o.name)
        for o in after.objects
        if o.type != "table" and fold(o.name) in asking and (o.type, o.name) not in spelled
    )


def notes_on_letters(respelled: Iterable[str]) -> list[str]:
    """A note for each of ``respelled``, names in other letters that no comment asks for."""
    return [
        f"{line}: SQLite takes both for one name, so this is not derived; if it is meant, write"
        " `-- renamed from: OLD` behind it"
        for line in respelled
    ]


def nothing_differs(before: Schema, after: Schema, renames: Renames, hints: Hints) -> bool:
    """Whether there is nothing to derive."""
    if hints.recreate or diff(before, after).meaning_lines():
        return False
    try:
        # Two columns that swap their names differ in nothing but what they hold.
        return not plan_change(before, after, renames).steps
    except CannotChange:
        # A comment about a rename that was done long ago changes nothing.
        columns = {(fold(t.name), fold(c.name)) for t in before.tables.values() for c in t.columns}
        tables = {table for table, _ in columns}
        return tables.isdisjoint(renames.tables.values()) and columns.isdisjoint(
            (table, old) for (table, _), old in renames.columns.items()
        )


def lines_of(before: Schema, after: Schema, renames: Renames) -> tuple[str, ...]:
    """What differs, as lines; a rename is one line."""
    lines = diff(before, after).lines()
    renamed = []
    for new, old in renames.tables.items():
        one, two = _table(before, old), _table(after, new)
        renamed.append(f"~ table {one} renamed to {two}")
        lines = [x for x in lines if fold(x) not in (f"- table {old}", f"+ table {new}")]
        lines = [x for x in lines if x != f"~ table {one} is spelled {two}"]
    for (table, new), old in renames.columns.items():
        one, two = _column(before, renames.tables.get(table, table), old), _column(after, table, new)
        name = _table(after, table)
        renamed.append(f"~ table {name}: column {one} renamed to {two}")
        start = f"~ table {table}: column "
        lines = [
            x
            for x in lines
            if not (
                (fold(x).startswith(f"{start}{old} ") and x.endswith(" removed"))
                or (fold(x).startswith(f"{start}{new} ") and x.endswith(" added"))
                or x == f"~ table {name}: column {one} is spelled {two}"
            )
        ]
    return (*renamed, *lines)


def _table(schema: Schema, name: str) -> str:
    """``name``, which is in lower case, as ``schema`` spells it."""
    table = schema.table(name)
    return table.name if table else name


def _column(schema: Schema, table: str, name: str) -> str:
    owner = schema.table(table)
    return next((c.name for c in owner.columns if fold(c.name) == name), name) if owner else name
