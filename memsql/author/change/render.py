"""Steps as the text of a migration."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.author.change.steps import (
    AddCheck,
    AddColumn,
    ChangePlan,
    ChangeStep,
    ConstraintStep,
    Create,
    Drop,
    DropColumn,
    DropConstraint,
    DropNotNull,
    ForgetSequence,
    RebuildTable,
    RenameColumn,
    RenameTable,
    SetNotNull,
)
from memsql.sqltext import ended, permit_line
from memsql.sqltext.names import quote, quote_if_needed, quote_string
from memsql.sqltext.tokens import without_tail

_WIDTH = 100


def render(plan: ChangePlan, title: str, *, depends: str | None = None, reason: str | None = None) -> str:
    """The text of a migration file or a rollback file.

    ``title`` is its description, ``depends`` the id of the migration before it, ``reason`` why data may be lost.
    """
    lines = ["-- " + title]
    lines += [f"-- depends: {depends}"] if depends else []
    lines += ["-- foreign_keys: off"] if plan.foreign_keys_off else []
    lines += ["-- fts_rebuild: " + " ".join(map(_directive_name, plan.fts_rebuild))] if plan.fts_rebuild else []
    lines += [permit_line(loss.table, loss.column, reason) for loss in plan.losses] if reason else []
    lines += ["--", *(f"-- {_one_line(loss.sentence)}" for loss in plan.losses)] if plan.losses else []
    return "\n".join(lines) + "\n" + render_steps(plan.steps)


def render_steps(steps: Sequence[ChangeStep]) -> str:
    """The SQL of ``steps``, with empty lines between what does not belong together."""
    text = ""
    before: ChangeStep | None = None
    for step in steps:
        close = isinstance(step, (Drop, DropColumn, RenameColumn, RenameTable)) and type(before) is type(step)
        text += ("" if close else "\n") + step_sql(step) + "\n"
        before = step
    return text


def step_sql(step: ChangeStep) -> str:
    """The SQL of one step, each statement with its semicolon."""
    match step:
        case Drop(kind, name):
            return f"DROP {kind.upper()} {quote_if_needed(name)};"
        case Create(sql):
            bare = without_tail(sql)
            # SQLite keeps a comment at the end of a view or an index with it.
            return ended(sql if sql[len(bare) :].strip() else bare)
        case RenameTable(old, new):
            return f"ALTER TABLE {quote_if_needed(old)} RENAME TO {quote_if_needed(new)};"
        case RenameColumn(table, old, new):
            return (
                f"ALTER TABLE {quote_if_needed(table)} RENAME COLUMN {quote_if_needed(old)} TO {quote_if_needed(new)};"
            )
        case DropColumn(table, column):
            return f"ALTER TABLE {quote_if_needed(table)} DROP COLUMN {quote_if_needed(column)};"
        case AddColumn(table, definition):
            return f"ALTER TABLE {quote_if_needed(table)} ADD COLUMN {definition};"
        case SetNotNull() | DropNotNull() | AddCheck() | DropConstraint():
            return _constraint(step)
        case ForgetSequence(table):
            return f"DELETE FROM sqlite_sequence WHERE name = {quote_string(table)};"
        case RebuildTable():
            return _rebuild(step)


def _constraint(step: ConstraintStep) -> str:
    table = quote_if_needed(step.table)
    alter = f"ALTER TABLE {table}"
    match step:
        case SetNotNull(_, column, default):
            name = quote_if_needed(column)
            before = f"-- Fails where {column} is NULL; to see these rows: SELECT * FROM {table} WHERE {name} IS NULL"
            if default is not None:
                before = f"UPDATE {table} SET {name} = {default} WHERE {name} IS NULL;"
            return f"{before}\n{alter} ALTER COLUMN {name} SET NOT NULL;"
        case DropNotNull(_, column):
            return f"{alter} ALTER COLUMN {quote_if_needed(column)} DROP NOT NULL;"
        case AddCheck(_, name, expression):
            named = f"CONSTRAINT {quote_if_needed(name)} " if name else ""
            return f"{alter} ADD {named}CHECK ({expression});"
        case DropConstraint(_, name):
            return f"{alter} DROP CONSTRAINT {quote_if_needed(name)};"


def _rebuild(step: RebuildTable) -> str:
    table, temporary = quote_if_needed(step.table), quote_if_needed(step.temporary)
    lines = [without_tail(step.sql) + ";", ""]
    if step.keeps_sequence:
        lines += [
            "INSERT INTO sqlite_sequence (name, seq)",
            f"SELECT {quote_string(step.temporary)}, seq FROM sqlite_sequence WHERE name = {quote_string(step.table)};",
            "",
        ]
    lines += [f"-- {_one_line(remark)}" for remark in step.remarks]
    if step.copies:
        lines += _wrapped(f"INSERT INTO {temporary} (", [column for column, _ in step.copies], ")")
        lines += [*_wrapped("SELECT ", [value for _, value in step.copies], f" FROM {table};"), ""]
    return "\n".join([*lines, f"DROP TABLE {table};", f"ALTER TABLE {temporary} RENAME TO {table};"])


def _wrapped(start: str, items: Sequence[str], end: str) -> list[str]:
    """``start``, the list and ``end`` on one line, or on as many as it takes."""
    whole = start + ", ".join(items) + end
    if len(whole) <= _WIDTH:
        return [whole]
    lines, line = [start.rstrip()], ""
    for place, item in enumerate(items):
        text = item + ("," if place < len(items) - 1 else "")
        if line and len(line) + len(text) > _WIDTH - 5:
            lines.append("    " + line)
            line = ""
        line += (" " if line else "") + text
    return [*lines, "    " + line, end.lstrip()]


def _directive_name(name: str) -> str:
    plain = '"' not in name and not any(c.isspace() for c in name)
    return name if plain else quote(name)


def _one_line(text: str) -> str:
    return " ".join(text.split())
