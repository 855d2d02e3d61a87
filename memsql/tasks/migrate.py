"""memsql migrate.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from memsql import hints
from memsql.tasks import chain
from memsql.tasks.every import ALL_HELP
from memsql.tasks.gate import CHANGE_HELP, LEDGER_HELP
from memsql.tasks.manner import Manner, manner_of
from memsql.tasks.migrate_ledger import baseline, history, repair
from memsql.tasks.migrate_renumber import renumber
from memsql.tasks.migrate_squash import squash
from memsql.tasks.migrate_trial import permits, round_trip
from memsql.tasks.task import Outcome, number, task
from memsql.visible import page

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.progress import Progress
    from memsql.report.progress import Bar

_RUN_HELP = {
    **CHANGE_HELP,
    "maintenance-window": (
        "minutes: rehearse on a clone with the data first, and do not begin what will not end in time"
    ),
    "with-data": "with --dry-run on a server: rehearse on a clone with all rows, not on one of the schema alone",
    "on-server": (
        "with --dry-run on a server: rehearse there, in a transaction that is rolled back; holds the write lock"
    ),
    "dry-run": "rehearse on a clone: execute everything there, report times, schema, rows and plans; change nothing",
    "record": "with --dry-run: keep what it measured, for the warning of long locks and for monitor.metrics",
    "allow-data-loss": "go on where rows, tables or columns with data would be lost, and say what was",
    "wait-replicas": "URLs of replicas, separated by commas: end only when each of them serves the new state",
    "replica-timeout": "seconds to wait for them (default 60); exit code 4 when they are not there in time",
}


_DISK_HELP = "--no-disk-check: go on although the disk seems to have no room for what would be written"


@task(
    "migrate.up",
    new_file=True,
    default=True,
    help={
        **_RUN_HELP,
        "to": "stop after this version",
        "all-or-nothing": "put every pending migration into one transaction (an adoption comes before it, in its own)",
        "out-of-order": "also apply migrations that come before one that is applied already",
        **LEDGER_HELP,
        "disk-check": _DISK_HELP,
    },
)
def up(
    settings: Settings,
    progress: Bar,
    *,
    to: str | None = None,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    record: bool = False,
    allow_data_loss: bool = False,
    all_or_nothing: bool = False,
    out_of_order: bool = False,
    take_over: bool = False,
    ledger: str | None = None,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    disk_check: bool = True,
) -> Outcome:
    """Apply every pending migration, each proven before it is committed.

    A legacy database is recognised and adopted first; where another tool kept a ledger there, it says how far the
    database is, once the schema proves it, and its table stays as it is. A migration is committed only when no row was
    lost that it does not DELETE by name, no foreign key broke, its checks pass and every full-text index
    it reached agrees with its content; otherwise it is rolled back and recorded as failed. Quick ones that follow
    each other share a transaction; one that fails is undone alone, and those before it stay.

    A protected environment asks first (--yes answers) and wants a proven backup younger than backup_max_age.

    Examples:  memsql migrate.up     memsql migrate.up --to 3     memsql migrate.up --dry-run
               memsql migrate.up --maintenance-window 10
    Exit codes: 0 done, 2 files or options, 3 no access, 4 locked, 5 failed and rolled back,
    6 refused to protect data.
    """
    manner = manner_of(locals(), Manner)
    from memsql.engine.state import RunOptions
    from memsql.tasks.migrate_run import run

    options = RunOptions(
        to=_version("--to", to),
        allow_data_loss=allow_data_loss,
        all_or_nothing=all_or_nothing,
        out_of_order=out_of_order,
        disk_check=disk_check,
        take_over=take_over,
        ledger=ledger,
        seeds="" if settings.protected else "too",
    )
    return run("up", settings, options, progress, manner=manner)


@task(
    "migrate.down",
    help={
        **_RUN_HELP,
        "steps": "how many migrations to roll back (default 1)",
        "to": "roll back everything after this version instead; 0 rolls back all",
        "all-or-nothing": "put all of it into one transaction",
        "disk-check": _DISK_HELP,
    },
    bare_number="--steps",
)
def down(
    settings: Settings,
    progress: Bar,
    *,
    steps: str | None = None,
    to: str | None = None,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    record: bool = False,
    allow_data_loss: bool = False,
    all_or_nothing: bool = False,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    disk_check: bool = True,
) -> Outcome:
    """Roll back the latest migration, or several, with the same proof as going up.

    Every rollback file is looked at before the first one runs: where one is missing or holds no
    statement nothing is touched (exit code 6). A rollback that would drop rows is refused with the rows
    named, unless --allow-data-loss.

    Examples:  memsql migrate.down     memsql migrate.down 3     memsql migrate.down --to 2
    """
    manner = manner_of(locals(), Manner)
    from memsql.engine.state import RunOptions
    from memsql.errors import UsageError
    from memsql.tasks.migrate_run import run

    if steps is not None and to is not None:
        raise UsageError("--steps (or a number alone) and --to do not go together", state="nothing was changed")
    options = RunOptions(
        to=_version("--to", to),
        steps=_version("--steps", steps),
        allow_data_loss=allow_data_loss,
        all_or_nothing=all_or_nothing,
        disk_check=disk_check,
    )
    return run("down", settings, options, progress, manner=manner)


@task(
    "migrate.to",
    new_file=True,
    help={
        **_RUN_HELP,
        "version": "the version to go to; 0 is before the first",
        **LEDGER_HELP,
        "disk-check": _DISK_HELP,
    },
)
def to(
    settings: Settings,
    progress: Bar,
    *,
    version: str,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    record: bool = False,
    allow_data_loss: bool = False,
    take_over: bool = False,
    ledger: str | None = None,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    disk_check: bool = True,
) -> Outcome:
    """Go up or down to a version.

    Example:  memsql migrate.to 3
    """
    manner = manner_of(locals(), Manner)
    from memsql.engine.state import RunOptions, direction_to
    from memsql.tasks.migrate_run import run

    target = number("the version", version)
    direction = direction_to(settings, target)
    options = RunOptions(
        to=target, allow_data_loss=allow_data_loss, disk_check=disk_check, take_over=take_over, ledger=ledger
    )
    return run(direction, settings, options, progress, manner=manner)


@task(
    "migrate.status",
    new_file=True,
    reads_only=True,
    help={"check": "exit with 1 when anything is pending, edited, missing or incomplete", **ALL_HELP},
)
def status(settings: Settings, progress: Bar, *, check: bool = False, all: bool = False, json: bool = False) -> Outcome:
    """Show every migration: its state, when it ran, by whom and how long it took.

    States: applied, pending, rolled back, failed, edited (the file changed after it was applied),
    missing (applied, but the file is gone), out of order (a later one is applied already).
    Reads only: no table and no file is created.

    Examples:  memsql migrate.status     memsql migrate.status --check --json
    """
    if all:
        from memsql.tasks.every import for_all

        return for_all(settings, lambda own: _status(own, check=check, json=json))
    return _status(settings, check=check, json=json)


def _status(settings: Settings, *, check: bool, json: bool) -> Outcome:
    from memsql.engine.state import status
    from memsql.report.migrate import needs_work, status_data, status_text

    state = status(settings)
    seen = None
    if state.others:
        from memsql.legacy.claims import outlook

        seen = outlook(state)
    target = str(settings.target)
    # Of a thousand migrations each of the two takes longer than reading them did.
    data = status_data(state, target, seen) if json or chain.is_running() else {}
    return Outcome("" if json else status_text(state, target, seen), data, int(check and needs_work(state)))


@task(
    "migrate.create",
    new_file=True,
    help={
        "name": "what it does, as in add_missing_indices; becomes the file name",
        "foreign-keys-off": "for a table rebuild: write `-- foreign_keys: off` into both files",
        "from": "derive the pair from this edited schema, as in --from sql/schema.sql",
        "allow-data-loss": "with --from: why data may be lost; the files get `-- allow: data-loss TABLE.COLUMN REASON`",
    },
)
def create(
    settings: Settings,
    progress: Bar,
    *,
    name: str,
    foreign_keys_off: bool = False,
    from_: str | None = None,
    allow_data_loss: str | None = None,
) -> Outcome:
    """Write the next migration pair and a check, and bring memsql.sum up to date.

    With --from the pair is written for you: edit sql/schema.sql to what you want, and memsql compares it with what the
    migrations make. ALTER TABLE is used where SQLite has it, a rebuild of the table where it has not. Up, down and up
    again are proven on made-up rows before anything is saved. A rename cannot be seen in a schema: ask for it with
    `-- renamed from: OLD` behind the column, or above the table.

    Examples:  memsql migrate.create add_missing_indices
               memsql migrate.create add_nickname --from sql/schema.sql
    """
    from memsql.author.files import create_pair
    from memsql.errors import UsageError

    if from_ is not None:
        if foreign_keys_off:
            raise UsageError(
                "--foreign-keys-off and --from do not go together: what is derived says so itself where it is needed"
            )
        return _derive(settings, name, from_, allow_data_loss, progress=progress)
    if allow_data_loss is not None:
        raise UsageError(
            "--allow-data-loss REASON goes with --from",
            hint="write `-- allow: data-loss TABLE.COLUMN REASON` into the file yourself",
        )
    created = create_pair(settings, name, foreign_keys_off=foreign_keys_off)
    lines = [f"removed {path}, which a stopped migrate.create had left" for path in created.removed]
    lines += [f"wrote {path}" for path in created.written]
    lines += [
        f"next: write the SQL of both files, then: {hints.command('migrate.sum')}, "
        f"{hints.command('migrate.up --dry-run')}"
    ]
    return Outcome(page(lines), {"files": list(created.written), "removed": list(created.removed)})


def _derive(settings: Settings, name: str, schema: str, reason: str | None, *, progress: Progress) -> Outcome:
    """Write the pair that the file ``schema`` asks for; ``reason`` says why data may be lost."""
    from memsql.author.derive import draft
    from memsql.errors import UsageError
    from memsql.report.draft import data, text

    if reason is not None and (not reason.strip() or len(reason.splitlines()) > 1):
        raise UsageError("--allow-data-loss takes a reason of one line that a reviewer can judge")
    pair = draft(settings, name, schema, reason=reason, progress=progress)
    return Outcome(text(pair, schema, reason), data(pair))


@task(
    "migrate.sum",
    new_file=True,
    help={"check": "write nothing; exit with 1 when memsql.sum is stale", **ALL_HELP},
)
def sum_(settings: Settings, progress: Bar, *, check: bool = False, all: bool = False) -> Outcome:
    """Write migrations/memsql.sum: a checksum of every file, chained so that branches conflict in git.

    Run it after every change to a migration that was not applied anywhere yet.
    """
    if all:
        from memsql.tasks.every import for_all

        return for_all(settings, lambda own: _sum(own, check=check))
    return _sum(settings, check=check)


def _sum(settings: Settings, *, check: bool) -> Outcome:
    from memsql.author.files import write_sum

    changed, problems = write_sum(settings, check=check)
    if check:
        text = "memsql.sum is fresh" if not changed else page(["memsql.sum is stale:", *problems])
    else:
        text = "memsql.sum written" if changed else "memsql.sum was up to date"
    return Outcome(text, {"changed": changed, "problems": list(problems)}, int(check and changed))


def _version(option: str, text: str | None) -> int | None:
    return None if text is None else number(option, text)


ns = Collection("migrate", up, down, to, status, create, sum_, permits, round_trip, repair, baseline, history, squash)
ns.add_task(renumber)
