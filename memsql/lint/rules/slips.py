"""Rules about slips of the pen that SQLite takes without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsql.lint.conditions import always_true
from memsql.lint.model import DATABASE, Hit, rule
from memsql.lint.script import Script
from memsql.lint.shape import added_column
from memsql.sqltext import ROWIDS
from memsql.sqltext.selects import Select, parse_select
from memsql.sqltext.tokens import Token, tokenize
from memsql.sqltext.writes import Write, parse_write, trigger_statements, where_expression


@rule("MS38", "assigned_twice", "error", DATABASE)
def assigned_twice(script: Script) -> Iterator[Hit]:
    """A statement gives one column two values.

    **Anti-pattern** SQLite keeps the last one that an UPDATE sets, and the first one that an INSERT lists, and says
    nothing. Mostly another column was meant.

        UPDATE users SET name = 'Ann', name = 'ann@example.com' WHERE id = 7;

    **Best practice** Each column once.

        UPDATE users SET name = 'Ann', email = 'ann@example.com' WHERE id = 7;
    """
    for write, at in _writes(script):
        for columns, verb in ((write.columns, write.verb), (write.upserts, "update")):
            twice = next((name for n, name in enumerate(columns) if name in columns[:n]), None)
            if twice is not None:
                kept = "the last one counts" if verb == "update" else "the first one counts"
                word = "sets" if verb == "update" else "lists"
                yield Hit(at, f"{word} {write.table}.{twice} twice, and {kept}", "name the column that is meant")
                break


def _writes(script: Script) -> Iterator[tuple[Write, int]]:
    """The writes of the file, those in triggers too, each with its offset. Of INSERTs that begin alike only one."""
    heads: set[str] = set()
    for step in script.of("insert", "replace"):
        head = step.text[: step.text.find("(", step.text.find("(") + 1)] if "conflict" not in step.text.lower() else ""
        if head and head in heads:
            continue
        heads.add(head)
        write = parse_write(tokenize(head)) if head else step.write
        if write is not None:
            yield write, step.at
    for step in script.of("update"):
        if step.write is not None:
            yield step.write, step.at
    for step in script.making("trigger"):
        for tokens in trigger_statements(step.tokens):
            write = parse_write(tokens)
            if write is not None:
                yield write, tokens[0].start


@rule("MS39", "check_never_fails", "warning", ("check",))
def check_never_fails(script: Script) -> Iterator[Hit]:
    """A check that can return no row, such as the one that migrate.create wrote.

    **Anti-pattern** It passes whatever the database holds, and everybody takes that for a proof.

        SELECT 'write the check of 0005_add_notes' AS message
        WHERE 0

    **Best practice** A row for each problem. A migration that leaves nothing to look at needs no check: delete the
    file.

        SELECT 'table notes is missing' AS message
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'notes')
    """
    for step in script.of("select"):
        if _returns_nothing(parse_select(step.tokens)):
            yield Hit(
                step.at,
                "this check returns no row whatever the database holds, so it can never fail",
                "write a SELECT that returns a row for each problem, or delete the file",
            )


def _returns_nothing(select: Select) -> bool:
    return bool(select.arms) and all(
        _never_true(where_expression(arm.conditions)) or _is_limited_to_none(arm.conditions) for arm in select.arms
    )


def _is_limited_to_none(conditions: Sequence[Token]) -> bool:
    return [token.text.upper() for token in conditions[-2:]] == ["LIMIT", "0"]


def _never_true(condition: tuple[Token, ...]) -> bool:
    opening, closing, *behind = tokenize("() IS NOT TRUE")
    return bool(condition) and always_true((opening, *condition, closing, *behind), "")


@rule("MS41", "hides_rowid", "warning", DATABASE)
def hides_rowid(script: Script) -> Iterator[Hit]:
    """A column is called rowid, oid or _rowid_.

    **Anti-pattern** These are the names of the number that every row of a table has. With such a column, a statement
    that means the number gets the column, full-text indexes and tools among them; with all three names taken, nobody
    can reach the number any more.

        CREATE TABLE objects (id INTEGER PRIMARY KEY, oid TEXT);

    **Best practice** Another name. An INTEGER PRIMARY KEY may have it, for it is the number; so may a column of a
    WITHOUT ROWID table, which has none.

        CREATE TABLE objects (id INTEGER PRIMARY KEY, object_id TEXT);
    """
    text = script.text.lower()
    if not any(name in text for name in ROWIDS):
        return
    for step in script.making("table"):
        table = step.definition
        if any(token.word == "WITHOUT" for token in table.options):
            continue
        key = [clause for clause in table.constraints if clause.has("PRIMARY", "KEY")]
        names = [[t.name for t in clause.tokens if t.name in ROWIDS] for clause in key]
        for column in table.columns:
            is_key = column.has("PRIMARY", "KEY") or any(column.name in some for some in names)
            if column.name in ROWIDS and not (is_key and column.type == "INTEGER"):
                yield _hides(column.start, column.name)
    for step in script.of("alter_add_column"):
        clause = added_column(step)
        if clause is not None and clause.name in ROWIDS:
            yield _hides(clause.start, clause.name)
    for step in script.of("alter_rename_column"):
        if step.new_name in ROWIDS:
            yield _hides(step.place_of(step.effect.new_name), step.effect.new_name or "")


def _hides(at: int, name: str) -> Hit:
    return Hit(at, f"a column called {name} hides that name of the rowid", "give it another name")


RULES = (assigned_twice, check_never_fails, hides_rowid)
