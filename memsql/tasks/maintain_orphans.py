"""memsql maintain.orphans"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from memsql import hints
from memsql.interrupts import untouched
from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.progress import Progress
    from memsql.report.progress import Bar
    from memsql.schema import Schema
    from memsql.upkeep.archive import Moved
    from memsql.upkeep.references import Reference


@task(
    "maintain.orphans",
    iterable=("key",),
    help={
        "report": "count them, with examples, and change nothing (what it does without another option)",
        "archive": "move them aside into tables memsql_orphans_NUMBER_TABLE, with the rows that refer to them",
        "restore": "bring back what was moved aside, where what it refers to is there again",
        "table": "only rows of this table (what refers to them goes with them)",
        "key": "a key that the schema does not declare: 'notes.topic_id -> topics.id' (may be repeated)",
        "check": "exit with 1 where there are some, or where it cannot be said",
        "dry_run": "with --archive or --restore: do it on a copy, and change nothing",
        **CHANGE_HELP,
    },
)
def orphans(
    settings: Settings,
    progress: Bar,
    *,
    report: bool = False,
    archive: bool = False,
    restore: bool = False,
    table: str | None = None,
    key: list[str] | None = None,
    check: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Find the rows that refer to no row, by foreign keys and by keys that sql/checks or --key declare.

    --archive moves them aside and deletes none: one transaction, proven value by value, on a server too. --restore is
    the way back.
    Exit codes: 1 with --check there are some, or a reference cannot be followed; with --archive some cannot be moved;
    6 a trigger or a foreign key would change more than these rows, or they could not be brought back as they were.

    Examples:  memsql maintain.orphans     memsql maintain.orphans --archive --dry-run
    """
    from memsql.db import connection
    from memsql.db.clone import clone
    from memsql.errors import UsageError

    if report + archive + restore > 1:
        raise UsageError("--report, --archive and --restore: choose one of them", state="nothing was changed")
    changes = archive or restore
    if (dry_run and not changes) or (check and changes):
        raise UsageError(
            "--dry-run is for --archive and --restore, --check is for the report", state="nothing was changed"
        )
    settings.target.expect_file()
    keys = key or ()
    if not changes:
        with untouched(), connection(settings.target, "ro", settings.busy_timeout) as conn:
            return _report(settings, conn, table, keys, check=check)
    action: Literal["archive", "restore"] = "archive" if archive else "restore"
    if dry_run:
        with clone(settings.target, settings.busy_timeout, progress) as copy:
            return _change(settings, copy.connection, (table, keys, progress), action, dry_run=True)
    with untouched(), connection(settings.target, "ro", settings.busy_timeout) as conn:
        nothing = _nothing(settings, conn, table, keys, archive=archive)
    if nothing is not None:
        return nothing
    verb = "move the rows aside that refer to no row" if archive else "bring the rows back that were moved aside"
    admit(settings, verb + ("" if table is None else f", of {table}"), yes=yes)
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        return _change(settings, conn, (table, keys, progress), action, dry_run=False)


def _report(settings: Settings, conn: Connection, table: str | None, key: Sequence[str], *, check: bool) -> Outcome:
    from memsql.report import orphans as shown
    from memsql.schema import read
    from memsql.upkeep import archives, references
    from memsql.upkeep import orphans as upkeep

    schema = read(conn)
    names = _tables(schema, table)
    known = [r for r in references.references(settings, schema, key) if names is None or r.child in names]
    seen = upkeep.orphans(conn, schema, upkeep.followed(conn, known))
    kept = archives.kept(conn, archives.archives(conn))
    target = str(settings.target)
    return Outcome(
        shown.report_text(seen, kept, target),
        shown.report_data(seen, kept, target),
        int(check and any(one.rows or one.problem is not None for one in seen)),
    )


def _nothing(
    settings: Settings, conn: Connection, table: str | None, key: Sequence[str], *, archive: bool
) -> Outcome | None:
    """The outcome where there is nothing to move or to bring back, so that nobody has to be asked; None otherwise."""
    from memsql.report import orphans as shown
    from memsql.schema import read
    from memsql.upkeep import archives, references
    from memsql.upkeep import orphans as upkeep

    schema, target = read(conn), str(settings.target)
    names = _tables(schema, table)
    known = upkeep.followed(conn, references.references(settings, schema, key))
    if not archive:
        if any(names is None or a.table in names for a in archives.archives(conn)):
            return None
        return Outcome(shown.returned_text([], target, dry_run=False), shown.returned_data([], target, dry_run=False))
    chosen = [r for r in known if names is None or r.child in names]
    if any(one.rows for one in upkeep.orphans(conn, schema, [r for r in chosen if r.is_movable])):
        return None
    return _moved(conn, schema, [], [r for r in chosen if not r.is_movable], (target, False))


def _change(
    settings: Settings,
    conn: Connection,
    choice: tuple[str | None, Sequence[str], Progress],
    action: Literal["archive", "restore"],
    *,
    dry_run: bool,
) -> Outcome:
    from memsql.schema import read
    from memsql.upkeep.archive import archive_orphans
    from memsql.upkeep.bring_back import bring_back
    from memsql.upkeep.orphans import followed
    from memsql.upkeep.references import references

    table, key, progress = choice
    with untouched():
        schema, target = read(conn), str(settings.target)
        names, known = _tables(schema, table), followed(conn, references(settings, schema, key))
    if action == "archive":
        moved = archive_orphans(conn, schema, known, names, progress=progress)
        unmovable = [r for r in known if not r.is_movable and (names is None or r.child in names)]
        return _moved(conn, schema, moved, unmovable, (target, dry_run))
    from memsql.report import orphans as shown

    returned = bring_back(conn, schema, known, names, progress=progress)
    return Outcome(
        shown.returned_text(returned, target, dry_run=dry_run), shown.returned_data(returned, target, dry_run=dry_run)
    )


def _moved(
    conn: Connection,
    schema: Schema,
    moved: Sequence[Moved],
    unmovable: Sequence[Reference],
    where: tuple[str, bool],
) -> Outcome:
    """What --archive did; ``where``: on which database, and whether it was a copy of it."""
    from memsql.report import orphans as shown
    from memsql.upkeep.orphans import orphans

    target, dry_run = where
    return Outcome(
        shown.moved_text(moved, unmovable, target, dry_run=dry_run),
        shown.moved_data(moved, target, dry_run=dry_run),
        int(any(one.rows for one in orphans(conn, schema, unmovable))),
    )


def _tables(schema: Schema, name: str | None) -> list[str] | None:
    """The table ``name`` as the schema spells it; None for all. Raises UsageError where there is none."""
    from memsql.errors import UsageError

    if name is None:
        return None
    table = schema.table(name)
    if table is None or table.kind != "table":
        raise UsageError(
            f"there is no table {name}", state="nothing was changed", hint=f"see: {hints.command('schema.stats')}"
        )
    return [table.name]
