"""A baseline: one migration pair that makes a whole schema, proven before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from memsql.author.change import CannotChange, ChangePlan, Hints, render
from memsql.author.change.render import render_steps
from memsql.author.change.steps import NO_RENAMES, Create
from memsql.author.derive import with_migration
from memsql.author.files import NextName
from memsql.author.trial import plan_that_works
from memsql.author.usable import unusable
from memsql.config import Settings
from memsql.db import Connection
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, MemsqlError, Refused, StatementError
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, diff, dump, read
from memsql.schema.model import Object
from memsql.sqltext import effect, ended, split
from memsql.sqltext.names import fold, quote_if_needed
from memsql.visible import line
from memsql.words import count

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = Schema({}, ())
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Content:
    """What a baseline makes: a ``schema``, and ``settings`` of the database (values of PRAGMA by name, not 0).

    ``source`` is where it is from, as messages call it. ``rows`` are INSERTs behind the tables, before any trigger;
    ``ends`` are statements behind everything; ``directives`` are lines of the header. None of these has a semicolon.
    """

    schema: Schema
    source: str
    settings: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()


SETTINGS = ("user_version", "application_id")
"""The numbers that applications keep in the header of a database, as PRAGMA calls them; 0 where they keep none."""


def settings_of(conn: Connection) -> dict[str, int]:
    """Those of SETTINGS that are not 0."""
    values = {name: conn.execute(f"PRAGMA {name}").one() for name in SETTINGS}
    return {name: int(str(value)) for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Pair:
    """A baseline as texts, ``up`` and ``down``, which were proven; ``objects`` says in words what they make."""

    name: NextName
    up: str
    down: str
    objects: str

    def migration(self, settings: Settings) -> Migration:
        """The pair as a migration of the project."""
        return _project(settings, self.name, (self.up, self.down)).ordered[0]


def make(
    settings: Settings, name: NextName, content: Content, prove_rows: Callable[[SQLiteConnection], None] | None = None
) -> Pair:
    """The pair that makes ``content`` on an empty database, and takes it away again.

    It is proven there: up makes the same schema, text by text, down leaves nothing, and up can follow again.
    ``prove_rows`` is called with the database behind each up, and raises where the rows are not what they should be.
    Raises Refused, with the object, where the schema cannot be made again.
    """
    schema = content.schema
    try:
        up = plan_that_works((NOTHING, schema), NO_RENAMES, Hints())
        down = plan_that_works((schema, NOTHING), NO_RENAMES, Hints(), back=True)
    except (CannotChange, StatementError) as e:
        raise _cannot_make(content, e.message) from None
    texts = _up(up.plan, content), _down(down.plan, name, content)
    _prove(_project(settings, name, texts), content, prove_rows)
    return Pair(name, *texts, _in_words(schema))


def _up(plan: ChangePlan, content: Content) -> str:
    """The text of the baseline: tables, their rows, and what is on them; then what is left to do."""
    tables = tuple(step for step in plan.steps if isinstance(step, Create) and _makes_table(step.sql))
    others = tuple(step for step in plan.steps if step not in tables)
    # Rows come in any order, and before the triggers, which would write others.
    head = replace(plan, steps=tables, fts_rebuild=(), foreign_keys_off=bool(content.rows))
    text = _with_lines(render(head, f"Baseline: {line(content.source)}"), content)
    ends = [*content.ends, *(f"PRAGMA {name} = {value}" for name, value in content.settings.items())]
    return text + _statements(content.rows) + render_steps(others) + _statements(ends)


def _down(plan: ChangePlan, name: NextName, content: Content) -> str:
    text = render(replace(plan, losses=()), f"Undo {name.id}: an empty database again")
    return text + _statements([f"PRAGMA {setting} = 0" for setting in content.settings])


def _statements(statements: Sequence[str]) -> str:
    return "".join(f"\n{ended(statement)}\n" for statement in statements)


def _makes_table(sql: str) -> bool:
    return effect(sql).object_type in ("table", "virtual")


def _prove(project: Project, content: Content, prove_rows: Callable[[SQLiteConnection], None] | None) -> None:
    with closing(memory()) as conn:
        for _ in range(2):
            try:
                run_on(conn, project, "up", RunOptions())
            except MemsqlError as e:
                raise _cannot_make(content, e.message, e.statement, e.details) from None
            problems = _differences(read(conn), content.schema)
            problems += [] if settings_of(conn) == content.settings else ["the settings of the database differ"]
            if problems:
                raise Refused(
                    f"the schema of {content.source} cannot be made again as it is",
                    details=tuple(problems[:_SHOWN]),
                    state="nothing was written",
                    hint="write the first migration by hand, from: schema.dump",
                )
            if prove_rows is not None:
                prove_rows(conn)
            run_on(conn, project, "down", RunOptions(steps=1, allow_data_loss=bool(content.rows)))
            left = [*(o.name for o in read(conn).objects), *settings_of(conn)]
            if left:
                raise CheckFailed(f"the rollback of the baseline leaves {', '.join(left)}", state="nothing was written")


def _differences(actual: Schema, expected: Schema) -> list[str]:
    """What differs in meaning or in the letters of names; or else the objects of which the text alone differs."""
    difference = diff(actual, expected)
    lines = [*difference.meaning_lines(), *difference.respelled]
    texts = {(o.type, fold(o.name)): o.sql for o in actual.objects}
    return lines or [
        f"{o.type} {o.name}: its text differs" for o in expected.objects if texts.get((o.type, fold(o.name))) != o.sql
    ]


def _with_lines(text: str, content: Content) -> str:
    """``text`` with the directives of ``content`` in its header, and a permit for each view or table that SQLite cannot
    use in the source either."""
    with closing(memory()) as conn:
        conn.script(dump(content.schema))
        names = [name for name in unusable(conn, content.schema) if line(name) == name]
    head, _, rest = text.partition("\n")
    permits = [f"-- allow: broken {quote_if_needed(name)} was so before this baseline" for name in sorted(names)]
    return "\n".join([head, *content.directives, *permits, rest])


def _cannot_make(
    content: Content, message: str, statement: str | None = None, details: tuple[str, ...] = ()
) -> Refused:
    """The error about the object of ``content`` that does not run on an empty database."""
    culprit = _named(statement) if statement else _culprit(content.schema)
    return Refused(
        f"the schema of {content.source} cannot be made again here: {f'{culprit}: ' if culprit else ''}{message}",
        statement=statement,
        details=details,
        state="nothing was written",
        hint="where this machine lacks a module or function, use one that has it; else repair or drop the object there",
    )


def _named(statement: str) -> str:
    what = effect(statement)
    return f"{what.object_type} {what.name}" if what.kind == "create" and what.name else ""


def _culprit(schema: Schema) -> str:
    """The first object of ``schema`` that does not run on an empty database; empty where all run."""
    with closing(memory()) as conn:
        for statement in split(dump(schema)):
            try:
                conn.execute(statement.text)
            except StatementError:
                return _named(statement.text)
    return ""


def _project(settings: Settings, name: NextName, texts: tuple[str, str]) -> Project:
    return with_migration(Project(settings, ()), name, texts)


def _in_words(schema: Schema) -> str:
    """As in "3 tables, 1 full-text or other virtual table, 2 views and 1 trigger"."""
    kinds = {"table": "table", "virtual": "virtual table", "index": "index", "view": "view", "trigger": "trigger"}
    numbers = {kind: sum(1 for o in schema.objects if o.sql and _kind(o, schema) == kind) for kind in kinds}
    words = [
        count(number, kinds[kind], "indexes" if kind == "index" else f"{kinds[kind]}s")
        for kind, number in numbers.items()
        if number
    ]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _kind(obj: Object, schema: Schema) -> str:
    return "virtual" if obj.type == "table" and schema.tables[obj.name].kind == "virtual" else obj.type


def without(schema: Schema, names: Sequence[str]) -> Schema:
    """``schema`` without the tables called ``names`` and what is on them."""
    folded = frozenset(map(fold, names))
    return Schema(
        {name: table for name, table in schema.tables.items() if fold(name) not in folded},
        tuple(o for o in schema.objects if fold(o.table) not in folded and fold(o.name) not in folded),
    )
