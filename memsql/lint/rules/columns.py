"""Rules about ALTER TABLE ADD COLUMN that works on an empty table and fails on a table with rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsql.lint.model import DATABASE, Hit, rule
from memsql.lint.script import Script
from memsql.lint.shape import added_column
from memsql.sqltext.tokens import Token

_REBUILD = "add the column without it, or rebuild the table with `-- foreign_keys: off`"


@rule("MS04", "add_not_null", "error", DATABASE)
def add_not_null(script: Script) -> Iterator[Hit]:
    """A NOT NULL column is added without a default.

    **Anti-pattern** SQLite accepts it on an empty table, so it works on a laptop, and refuses it as soon as there
    is a row.

        ALTER TABLE users ADD COLUMN plan TEXT NOT NULL;

    **Best practice** Give the rows that exist a value. On a table that the same file made, and that is empty, it is no
    finding.

        ALTER TABLE users ADD COLUMN plan TEXT NOT NULL DEFAULT 'free';
    """
    for step in script.of("alter_add_column"):
        column = added_column(step)
        if column is None or column.find("GENERATED") or column.find("AS"):
            continue
        place = column.find("NOT", "NULL")
        default = column.default
        if place and (not default or _is_null(default)) and step.name not in script.held(step).empty:
            yield Hit(
                place.start,
                f"column {step.effect.column} is NOT NULL without a default: it fails on a table with rows",
                f"add a constant default: {step.effect.column} … NOT NULL DEFAULT <value>",
            )


def _is_null(default: Sequence[Token]) -> bool:
    """Whether a default, the tokens behind DEFAULT, is NULL, in parentheses or not."""
    depth = next((n for n, token in enumerate(default) if token.word != "("), 0)
    closing = default[depth + 1 : 2 * depth + 1]
    return default[depth].word == "NULL" and all(token.word == ")" for token in closing)


@rule("MS05", "add_column_refused", "error", DATABASE)
def add_column_refused(script: Script) -> Iterator[Hit]:
    """A column is added with what ALTER TABLE cannot do.

    **Anti-pattern** UNIQUE and PRIMARY KEY are always refused, STORED generated columns too; a default that is no
    constant is refused when there is a row, and so is a foreign key with a default other than NULL while foreign
    keys are enforced.

        ALTER TABLE users ADD COLUMN joined TEXT DEFAULT CURRENT_TIMESTAMP;
        ALTER TABLE users ADD COLUMN handle TEXT UNIQUE;

    **Best practice** Add a plain column, fill it, and create a unique index; or rebuild the table. On a table that the
    same file made, and that is empty, any default will do, and so will a foreign key.

        ALTER TABLE users ADD COLUMN handle TEXT;
        CREATE UNIQUE INDEX idx_users_handle ON users (handle);
    """
    for step in script.of("alter_add_column"):
        column = added_column(step)
        if column is None:
            continue
        for word in ("UNIQUE", "PRIMARY"):
            if place := column.find(word):
                shown = "PRIMARY KEY" if word == "PRIMARY" else word
                fix = "add the column without it, then CREATE UNIQUE INDEX" if word == "UNIQUE" else _REBUILD
                yield Hit(place.start, f"SQLite adds no column that is {shown}", fix)
        if (place := column.find("STORED")) and (column.find("AS") or column.find("GENERATED")):
            yield Hit(place.start, "SQLite adds no STORED generated column", "make it VIRTUAL, or rebuild the table")
        default = column.default
        if not default or step.name in script.held(step).empty:
            continue
        if _varies(default):
            yield Hit(
                default[0].start,
                f"the default of column {step.effect.column} is no constant: it fails on a table with rows",
                "add the column with a constant default or none, and fill it with UPDATE",
            )
        elif script.header.foreign_keys and default[0].word != "NULL" and (place := column.find("REFERENCES")):
            yield Hit(
                place.start,
                "SQLite adds no foreign key with a default other than NULL",
                "leave the default out and fill the column",
            )


def _varies(default: tuple[Token, ...]) -> bool:
    """Whether SQLite takes the default for a non-constant one. ``default`` begins with the token behind DEFAULT."""
    if default[0].word in ("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"):
        return True
    if default[0].word != "(":
        return False
    # Only a literal in parentheses is constant to SQLite, with signs, a CAST or without; 1 + 1 is not.
    inner: list[Token] = []
    depth = 0
    for token in default:
        depth += (token.word == "(") - (token.word == ")")
        if token.word not in ("(", ")", "+", "-"):
            inner.append(token)
        if depth == 0:
            break
    while inner and inner[0].word == "CAST" and "AS" in (words := [token.word for token in inner]):
        inner = inner[1 : len(words) - 1 - words[::-1].index("AS")]
    return len(inner) != 1 or (inner[0].kind == "word" and inner[0].word not in ("NULL", "TRUE", "FALSE"))


RULES = (add_not_null, add_column_refused)
