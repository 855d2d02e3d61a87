"""invoke schema.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection, Context, task

from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.schema import Schema


@task(help=COMMON_HELP, auto_shortflags=False)
def stats(
    c: Context,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Count tables, indexes, triggers and rows, and weigh each: rows, pages, bytes.

    Run it before and after a migration to compare. Counts ordinary tables and each full-text table once, and
    the indexes that somebody named; neither the ledger nor SQLite's own tables. Reads only.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.db import connect
        from memsql.operate.stats import stats as weigh
        from memsql.report import schema as report

        conn = connect(settings.target, "ro", settings.busy_timeout)
        try:
            found = weigh(conn)
        finally:
            conn.close()
        return Outcome(report.stats_text(found, str(settings.target)), report.stats_data(found))

    run("schema.stats", Options(project, env, database, json), work)


@task(help={**COMMON_HELP, "table": "only this table (default: all of them)"}, auto_shortflags=False)
def info(
    c: Context,
    table: str | None = None,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Describe tables: columns, keys, indexes, triggers, what they refer to and what refers to them."""

    def work(settings: Settings) -> Outcome:
        from memsql.errors import UsageError
        from memsql.report import schema as report

        schema = _read(settings)
        names = [n for n in schema.tables if table is None or n.lower() == table.lower()]
        if table is not None and not names:
            raise UsageError(f"there is no table {table}", hint="there are: " + (", ".join(schema.tables) or "none"))
        return Outcome(report.info_text(schema, names), report.info_data(schema, names))

    run("schema.info", Options(project, env, database, json), work)


@task(
    help={
        **COMMON_HELP,
        "write": "write sql/schema.sql from what the migrations make on an empty database",
        "check": "exit with 1 where sql/schema.sql is not what the migrations make (or what --database holds)",
    },
    auto_shortflags=False,
)
def dump(
    c: Context,
    write: bool = False,
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Print the schema of the database as SQL; keep the snapshot sql/schema.sql fresh.

    The snapshot is committed and reviewed with the migrations that change it. --write and --check take the
    migrations, run on an empty database in memory; with --database or --env,
    --check compares the file with that database.

    Examples:  invoke schema.dump     invoke schema.dump --write     invoke schema.dump --check
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine.replay import replay_schema
        from memsql.errors import UsageError
        from memsql.project.files import replace_file
        from memsql.project.load import load
        from memsql.schema import diff, from_sql
        from memsql.schema import dump as as_sql

        path = settings.sql / "schema.sql"
        shown = settings.show(path)
        if write and check:
            raise UsageError("--write and --check do not go together")
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, as_sql(replay_schema(load(settings))), shown)
            return Outcome(f"wrote {shown}", {"file": shown})
        if check:
            from memsql.project.files import read_file

            goal = replay_schema(load(settings)) if database is None and env is None else _read(settings)
            stored = from_sql(read_file(path, shown).text(), shown) if path.is_file() else from_sql("")
            lines = diff(stored, goal).lines()
            text = (
                [f"{shown} is fresh"]
                if not lines
                else [
                    f"{shown} is stale; what it lacks (+), has too much (-) or otherwise (~):",
                    *("  " + x for x in lines),
                    "next: invoke schema.dump --write",
                ]
            )
            return Outcome("\n".join(text), {"fresh": not lines, "differences": lines}, int(bool(lines)))
        sql = as_sql(_read(settings))
        return Outcome(sql.rstrip(), {"sql": sql})

    run("schema.dump", Options(project, env, database, json), work)


@task(
    name="diff",
    help={
        **COMMON_HELP,
        "from": "the one side (default: migrations)",
        "to": "the other side (default: database)",
        "check": "exit with 1 where they differ",
    },
    auto_shortflags=False,
)
def diff_(
    c: Context,
    from_: str = "migrations",
    to: str = "database",
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Compare two schemas: what the second has more (+), less (-) or otherwise (~) than the first.

    Each side is one of: migrations (run on an empty database in memory), database (the one of --database, --env or the
    settings), schema.sql (the snapshot), the path of a .sql file, git:REF (the snapshot at a commit) or
    git:REF:migrations (the migrations there). Reads only.

    Examples:  invoke schema.diff                                what the database has otherwise than the migrations make
               invoke schema.diff --from git:main --to migrations
               invoke schema.diff --from schema.sql --to migrations --check
    """

    def work(settings: Settings) -> Outcome:
        from memsql.actions.sources import schema_from
        from memsql.report import schema as report
        from memsql.schema import diff

        found = diff(schema_from(settings, from_), schema_from(settings, to))
        names = [str(settings.target) if side == "database" else side for side in (from_, to)]
        return Outcome(report.diff_text(found, *names), report.diff_data(found, *names), int(check and bool(found)))

    run("schema.diff", Options(project, env, database, json), work)


@task(
    help={
        **COMMON_HELP,
        "output": "write it to this file instead of printing it",
        "tables": "only these tables, separated by commas",
    },
    auto_shortflags=False,
)
def diagram(
    c: Context,
    output: str | None = None,
    tables: str | None = None,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Draw the schema as a Mermaid diagram, which GitHub shows in Markdown.

    Example:  invoke schema.diagram --output docs/schema.mmd
    """

    def work(settings: Settings) -> Outcome:
        from pathlib import Path

        from memsql.project.files import replace_file
        from memsql.schema import mermaid

        only = [t.strip() for t in tables.split(",")] if tables else None
        text = mermaid(_read(settings), only)
        if output is None:
            return Outcome(text.rstrip(), {"mermaid": text})
        replace_file(Path.cwd() / output, text, output)
        return Outcome(f"wrote {output}", {"file": output})

    run("schema.diagram", Options(project, env, database, json), work)


def _read(settings: Settings) -> Schema:
    from memsql.db import connect
    from memsql.schema import read

    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        return read(conn)
    finally:
        conn.close()


ns = Collection("schema")
for one in (stats, info, dump, diff_, diagram):
    ns.add_task(one)
