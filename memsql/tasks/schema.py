"""memsql schema.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from memsql import hints
from memsql.tasks.task import Outcome, task, written
from memsql.visible import page

if TYPE_CHECKING:
    from pathlib import Path

    from memsql.config import Settings
    from memsql.legacy.kept import Kept
    from memsql.report.progress import Bar
    from memsql.schema import Schema


@task("schema.stats", reads_only=True)
def stats(settings: Settings, progress: Bar) -> Outcome:
    """Count tables, indexes, triggers and rows, and weigh each: rows, pages, bytes.

    Run it before and after a migration to compare. Counts ordinary tables and each full-text table once, and
    the indexes that somebody named; neither the ledger nor SQLite's own tables. Reads only.
    """
    from memsql.db import connection
    from memsql.operate.stats import stats
    from memsql.report.schema import stats_data, stats_text

    settings.target.expect_file()
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        sizes = stats(conn)
    return Outcome(stats_text(sizes, str(settings.target)), stats_data(sizes))


@task("schema.info", reads_only=True, help={"table": "only this table (default: all of them)"}, bare_word="--table")
def info(settings: Settings, progress: Bar, *, table: str | None = None) -> Outcome:
    """Describe tables: columns, keys, indexes, triggers, what they refer to and what refers to them.

    Examples:  memsql schema.info     memsql schema.info users
    """
    from difflib import get_close_matches

    from memsql.errors import UsageError
    from memsql.report.schema import info_data, info_text

    schema = _read(settings)
    names = [name for name in schema.tables if table is None or name.lower() == table.lower()]
    if table is not None and not names:
        owners = {o.name.lower(): o.table for o in schema.objects if o.type in ("index", "trigger")}
        folded = {name.lower(): name for name in schema.tables}
        near = get_close_matches(table.lower(), folded, n=1)
        # Someone who looks for an index means the table that it is on.
        name = owners.get(table.lower()) or (folded[near[0]] if near else None)
        meant = f"did you mean {name}? " if name else ""
        raise UsageError(f"there is no table {table}", hint=f"{meant}there are: {', '.join(schema.tables) or 'none'}")
    return Outcome(info_text(schema, names), info_data(schema, names))


@task(
    "schema.dump",
    new_file=True,
    help={
        "write": "write sql/schema.sql from what the migrations make on an empty database",
        "check": "exit with 1 where sql/schema.sql is not what the migrations make (or what --database holds)",
    },
)
def dump(
    settings: Settings,
    progress: Bar,
    *,
    write: bool = False,
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
) -> Outcome:
    """Print the schema of the database as SQL; keep the snapshot sql/schema.sql fresh.

    The snapshot is committed and reviewed with the migrations that change it. --write and --check take the
    migrations, run on an empty database in memory; with --database, or the --env of an environment that has no
    folders of its own, --check compares the file with that database.

    Examples:  memsql schema.dump     memsql schema.dump --write     memsql schema.dump --check
    """
    from memsql.errors import UsageError
    from memsql.project.writing import replace_file
    from memsql.schema import dump
    from memsql.storage.new_files import make_folder

    if write and check:
        raise UsageError("--write and --check do not go together")
    snapshot = settings.sql / "schema.sql"
    # An environment with folders of its own is named for them, another one for its database.
    names_database = env is not None and not settings.own_folders
    if write:
        shown = settings.show(snapshot)
        goal = _replayed(settings)
        _refuse_other_snapshot(shown, goal, "--database" if database else "--env" if names_database else None)
        make_folder(snapshot.parent, "umask")
        replace_file(snapshot, dump(goal), shown)
        return Outcome(f"wrote {shown}", {"file": shown})
    if check:
        by_migrations = database is None and not names_database
        return _compare(settings, snapshot, _replayed(settings) if by_migrations else _read(settings))
    sql = dump(_read(settings))
    return Outcome(sql.rstrip(), {"sql": sql}, headline="printed the schema", plain=True)


@task(
    "schema.diff",
    new_file=True,
    reads_only=True,
    help={
        "from": "the one side (default: migrations)",
        "to": "the other side (default: database)",
        "check": "exit with 1 where they differ",
    },
)
def diff_(
    settings: Settings, progress: Bar, *, from_: str = "migrations", to: str = "database", check: bool = False
) -> Outcome:
    """Compare two schemas: what the second has more (+), less (-) or otherwise (~) than the first.

    Each side is one of: migrations (run on an empty database in memory), database (the one of --database, --env or the
    settings), schema.sql (the snapshot), the path of a .sql file, git:REF (the snapshot at a commit) or
    git:REF:migrations (the migrations there). Reads only.

    What the adoption of this database kept, though no migration makes it, is listed, and does not fail --check.

    Examples:  memsql schema.diff                   what the database has otherwise than the migrations make
               memsql schema.diff --from git:main --to migrations
               memsql schema.diff --from schema.sql --to migrations --check
    """
    from memsql.actions.sources import schema_from
    from memsql.report.schema import diff_data, diff_text
    from memsql.schema import diff

    before, after = schema_from(settings, from_), schema_from(settings, to)
    differences = diff(before, after)
    kept = _kept(settings, (from_, before), (to, after)) if differences else None
    sides = [str(settings.target) if side == "database" else side for side in (from_, to)]
    exit_code = int(check and bool(differences) and not (kept and kept.is_all))
    return Outcome(diff_text(differences, *sides, kept=kept), diff_data(differences, *sides, kept=kept), exit_code)


def _kept(settings: Settings, before: tuple[str, Schema], after: tuple[str, Schema]) -> Kept | None:
    """What of the difference of two sides, each the name of a source and its schema, an adoption kept; None where none
    of them is the database, or both are."""
    from memsql.db import connection
    from memsql.legacy.kept import kept_of

    sides = dict((before, after))
    if len(sides) < 2 or "database" not in sides:
        return None
    actual = sides.pop("database")
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        return kept_of(conn, next(iter(sides.values())), actual)


@task(
    "schema.diagram",
    new_file=True,
    help={
        "format": "mermaid or svg (default: what the name of --output ends with, or mermaid)",
        "output": "write it to this file instead of printing it",
        "tables": "only these tables and views, separated by commas",
    },
)
def diagram(
    settings: Settings,
    progress: Bar,
    *,
    format: str | None = None,
    output: str | None = None,
    tables: str | None = None,
) -> Outcome:
    """Draw tables, views and how they hang together, as Mermaid (which GitHub shows in Markdown) or as an SVG picture.

    The signs are those of crow's foot notation: exactly one, zero or one, zero or many. Reads only.

    Examples:  memsql schema.diagram --output docs/schema.mmd     memsql schema.diagram --output docs/schema.svg
    """
    from memsql.errors import UsageError
    from memsql.schema.diagram import mermaid

    if format not in (None, "mermaid", "svg"):
        raise UsageError(f"--format {format}: there is no such format", hint="there are: mermaid, svg")
    chosen = format or ("svg" if (output or "").lower().endswith(".svg") else "mermaid")
    schema = _read(settings)
    names = _named(schema, tables)
    if chosen == "mermaid":
        text = mermaid(schema, names)
    else:
        from memsql.report.drawing import svg
        from memsql.schema.erd import erd

        text = svg(erd(schema, names))
    return written(text, output, chosen, "drew the schema")


@task("schema.docs", new_file=True, help={"output": "write it to this file instead of printing it"})
def docs(settings: Settings, progress: Bar, *, output: str | None = None) -> Outcome:
    """Write the schema down as one HTML page: diagram, tables, columns, keys, indexes, triggers, queries and plans.

    The page needs no network and no other file, runs no script, and is the same for the same schema and queries, so it
    can be committed. It holds no rows; the plans are those of sql/queries in this database. Reads only.

    Example:  memsql schema.docs --output docs/schema.html
    """
    from memsql.advise.queries import plans_of
    from memsql.db import connection
    from memsql.project.named_queries import hot_queries
    from memsql.report.schema_page import schema_page
    from memsql.schema import read

    settings.target.expect_file()
    queries = hot_queries(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        schema = read(conn)
        plans = plans_of(conn, queries)
    name = settings.target.path.name if settings.target.path else str(settings.target)
    text = schema_page(schema, name, list(zip(queries, plans, strict=True)))
    return written(text, output, "html", "wrote the schema down")


@task(
    "schema.check",
    new_file=True,
    reads_only=True,
    help={
        "models": "a file, folder or Python module; may be given more than once (default: the setting models)",
        "of": "the schema: database (default) or migrations, or another side of schema.diff",
        "strict": "exit with 1 for warnings too",
    },
    iterable=["models"],
    bare_paths="--models",
)
def check(
    settings: Settings,
    progress: Bar,
    *,
    models: list[str] | None = None,
    of: str = "database",
    strict: bool = False,
) -> Outcome:
    """Compare the schema with the models in source code: TypeScript interfaces, Python dataclasses.

    Finds types that do not fit, NULL on one side alone, values that a CHECK refuses, fields without a column, columns
    without a field (dead where no SQL names them either), models without a table and tables without a model. Source
    code is read as text; nothing of it is imported or run. Exit codes: 0 it fits, or warnings only; 1 errors.

    Examples:  memsql schema.check models/reference.ts     memsql schema.check --models app.models --of migrations
    """
    from memsql.actions.models import WHAT_COUNTS, compare_models
    from memsql.actions.sources import schema_from
    from memsql.errors import UsageError
    from memsql.report.models import data, headline, text

    named = models or settings.models
    if not named:
        raise UsageError("no models are named", hint=f"name a file: memsql schema.check models.ts; {WHAT_COUNTS}")
    if of == "database":
        settings.target.expect_file()
    result, sources = compare_models(settings, schema_from(settings, of), named)
    shown = str(settings.target) if of == "database" else of
    return Outcome(
        text(result, sources, shown),
        data(result, sources, shown),
        int(bool(result.count("error") or (strict and result.count("warning")))),
        headline=headline(result, sources, shown),
    )


@task(
    "schema.types",
    new_file=True,
    help={
        "format": "typescript or python (default: what the name of --output ends with, or typescript)",
        "of": "the schema: database (default) or migrations, or another side of schema.diff",
        "output": "write it to this file instead of printing it",
        "tables": "only these tables and views, separated by commas",
    },
)
def types(
    settings: Settings,
    progress: Bar,
    *,
    format: str | None = None,
    of: str = "database",
    output: str | None = None,
    tables: str | None = None,
) -> Outcome:
    """Write models of all tables and views: TypeScript interfaces, or Python dataclasses.

    A table gets one for its rows and one for what an INSERT may name, a view one for its rows. The same schema gives
    the same text, and schema.check finds nothing in it. Reads only.

    Examples:  memsql schema.types --output src/models.ts     memsql schema.types --format python --of migrations
    """
    from memsql.actions.sources import schema_from
    from memsql.errors import UsageError
    from memsql.schema.code import write_python, write_typescript

    if format not in (None, "typescript", "python"):
        raise UsageError(f"--format {format}: there is no such format", hint="there are: typescript, python")
    is_python = format == "python" or (format is None and (output or "").endswith(".py"))
    if of == "database":
        settings.target.expect_file()
    schema = schema_from(settings, of)
    chosen = _named(schema, tables)
    names = None if chosen is None else [name for name, t in schema.tables.items() if t in map(schema.table, chosen)]
    text = (write_python if is_python else write_typescript)(schema, names)
    return written(text, output, "python" if is_python else "typescript", "wrote the models")


def _named(schema: Schema, tables: str | None) -> list[str] | None:
    """The names in ``tables``, which commas separate; None without. Raises UsageError for a name that is not there."""
    from memsql.errors import UsageError

    names = [name.strip() for name in tables.split(",") if name.strip()] if tables else None
    missing = [name for name in names or () if schema.table(name) is None]
    if missing:
        listed = ", ".join(schema.tables) or "none"
        raise UsageError(f"there is no table {', '.join(missing)}", hint=f"there are: {listed}")
    return names


def _read(settings: Settings) -> Schema:
    """Return the schema of the database. Raises ConnectError where it is a file that is not there."""
    from memsql.db import connection
    from memsql.schema import read

    settings.target.expect_file()
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        return read(conn)


def _replayed(settings: Settings) -> Schema:
    """Return the schema that the migrations make on an empty database."""
    from memsql.engine.replay import replay_schema
    from memsql.project.load import load_project

    return replay_schema(load_project(settings))


def _refuse_other_snapshot(shown: str, goal: Schema, option: str | None) -> None:
    """Raise UsageError where the snapshot ``shown`` would be another database's, or empty. ``goal``: what the
    migrations make. ``option``: the one that names a database, if there is one."""
    from memsql.errors import UsageError

    if option is not None:
        raise UsageError(
            f"--write takes what the migrations make, and {option} names a database",
            state=f"{shown} is as it was",
            hint=f"leave {option} out; to see what that database holds, leave --write out; to begin from it: "
            f"{hints.command('init --from FILE')}",
        )
    if not goal.objects:
        raise UsageError(
            f"the migrations make nothing, and {shown} would be empty",
            state=f"{shown} is as it was",
            hint=f"write the first migration: {hints.command('migrate.create NAME')}",
        )


def _compare(settings: Settings, snapshot: Path, goal: Schema) -> Outcome:
    """Say what the file ``snapshot`` lacks, or has too much, where it is not ``goal``. A missing file is an empty
    schema.
    """
    from memsql.project.files import read_file
    from memsql.schema import diff, from_sql

    shown = settings.show(snapshot)
    stored = from_sql(read_file(snapshot, shown).text(), shown) if snapshot.is_file() else from_sql("")
    lines = diff(stored, goal).lines()
    data: dict[str, object] = {"fresh": not lines, "differences": lines}
    if not lines:
        return Outcome(f"{shown} is fresh", data)
    text = [
        f"{shown} is stale; what it lacks (+), has too much (-) or otherwise (~):",
        *("  " + line for line in lines),
        f"next: {hints.command('schema.dump --write')}",
    ]
    return Outcome(page(text), data, 1)


ns = Collection("schema", stats, info, dump, diff_, diagram, docs, check, types)
