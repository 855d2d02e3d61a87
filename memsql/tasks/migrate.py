"""invoke migrate.*"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke import Collection, Context, task

from memsql.tasks import chain
from memsql.tasks.gate import CHANGE_HELP, WINDOW_HELP, admit
from memsql.tasks.harness import COMMON_HELP, Options, Outcome, refuse_without_dry_run, run
from memsql.tasks.replicas import REPLICA_HELP, followed

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.engine.job import Direction
    from memsql.engine.state import Proposal, RunOptions
    from memsql.operate.window import Estimate
    from memsql.progress import Progress

_RUN_HELP = {
    **CHANGE_HELP,
    **WINDOW_HELP,
    "with-data": "with --dry-run on a server: rehearse on a clone with all rows, not on one of the schema alone",
    "on-server": "with --dry-run on a server: rehearse there, in a transaction that is rolled back; holds the write lock",
    "dry-run": "rehearse on a clone: execute everything there, report times, schema, rows and plans; change nothing",
    "allow-data-loss": "go on where rows, tables or columns with data would be lost, and say what was",
    **REPLICA_HELP,
}


@task(
    help={
        **_RUN_HELP,
        "to": "stop after this version",
        "all-or-nothing": "put every pending migration into one transaction",
        "out-of-order": "also apply migrations that come before one that is applied already",
    },
    auto_shortflags=False,
)
def up(
    c: Context,
    to: str | None = None,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    allow_data_loss: bool = False,
    all_or_nothing: bool = False,
    out_of_order: bool = False,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Apply every pending migration, each proven before it is committed.

    A legacy database is recognised and adopted first. A migration is committed only when no row was
    lost that it does not DELETE by name, no foreign key broke, its checks pass and every full-text index
    it reached agrees with its content; otherwise it is rolled back and recorded as failed. Quick ones that follow
    each other share a transaction; one that fails is undone alone, and those before it stay.

    A protected environment asks first (--yes answers) and wants a proven backup younger than backup_max_age.

    Examples:  invoke migrate.up     invoke migrate.up --to 3     invoke migrate.up --dry-run
               invoke migrate.up --maintenance-window 10
    Exit codes: 0 done, 2 files or options, 3 no access, 4 locked, 5 failed and rolled back,
    6 refused to protect data.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine.state import RunOptions

        how = _How(dry_run, with_data, on_server, maintenance_window, yes)
        options = RunOptions(
            to=_version(to),
            allow_data_loss=allow_data_loss,
            all_or_nothing=all_or_nothing,
            out_of_order=out_of_order,
        )
        return followed(settings, wait_replicas, replica_timeout, dry_run, lambda: _go("up", settings, options, how))

    run("migrate.up", Options(project, env, database, json), work)


@task(
    help={
        **_RUN_HELP,
        "steps": "how many migrations to roll back (default 1)",
        "to": "roll back everything after this version instead; 0 rolls back all",
        "all-or-nothing": "put all of it into one transaction",
    },
    auto_shortflags=False,
)
def down(
    c: Context,
    steps: str | None = None,
    to: str | None = None,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    allow_data_loss: bool = False,
    all_or_nothing: bool = False,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Roll back the latest migration, or several, with the same proof as going up.

    Every rollback file is looked at before the first one runs: where one is missing or holds no
    statement nothing is touched (exit code 6). A rollback that would drop rows is refused with the rows
    named, unless --allow-data-loss.

    Examples:  invoke migrate.down     invoke migrate.down --steps 3     invoke migrate.down --to 2
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine.state import RunOptions

        how = _How(dry_run, with_data, on_server, maintenance_window, yes)
        options = RunOptions(
            to=_version(to),
            steps=_version(steps, "--steps"),
            allow_data_loss=allow_data_loss,
            all_or_nothing=all_or_nothing,
        )
        return followed(settings, wait_replicas, replica_timeout, dry_run, lambda: _go("down", settings, options, how))

    run("migrate.down", Options(project, env, database, json), work)


@task(
    positional=["version"],
    help={**_RUN_HELP, "version": "the version to go to; 0 is before the first"},
    auto_shortflags=False,
)
def to(
    c: Context,
    version: str,
    dry_run: bool = False,
    with_data: bool = False,
    on_server: bool = False,
    allow_data_loss: bool = False,
    wait_replicas: str | None = None,
    replica_timeout: str = "60",
    maintenance_window: str | None = None,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Go up or down to a version.

    Example:  invoke migrate.to 3
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine.state import RunOptions, direction_to

        goal = _version(version, "the version")
        assert goal is not None
        direction = direction_to(settings, goal)
        how = _How(dry_run, with_data, on_server, maintenance_window, yes)
        options = RunOptions(to=goal, allow_data_loss=allow_data_loss)
        return followed(
            settings, wait_replicas, replica_timeout, dry_run, lambda: _go(direction, settings, options, how)
        )

    run("migrate.to", Options(project, env, database, json), work)


@task(
    help={**COMMON_HELP, "check": "exit with 1 when anything is pending, edited, missing or incomplete"},
    auto_shortflags=False,
)
def status(
    c: Context,
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Show every migration: its state, when it ran, by whom and how long it took.

    States: applied, pending, rolled back, failed, edited (the file changed after it was applied),
    missing (applied, but the file is gone), out of order (a later one is applied already).
    Reads only: no table and no file is created.

    Examples:  invoke migrate.status     invoke migrate.status --check --json
    """

    def work(settings: Settings) -> Outcome:
        from memsql.engine import state as states
        from memsql.report import migrate as report

        state = states.status(settings)
        target = str(settings.target)
        bad = check and report.needs_work(state)
        data = report.status_data(state, target) if json or chain.is_running() else {}
        return Outcome("" if json else report.status_text(state, target), data, 1 if bad else 0)

    run("migrate.status", Options(project, env, database, json), work)


@task(
    positional=["name"],
    help={
        **COMMON_HELP,
        "name": "what it does, as in add_missing_indices; becomes the file name",
        "foreign-keys-off": "for a table rebuild: write `-- foreign_keys: off` into both files",
        "from": "derive the pair from this edited schema, as in --from sql/schema.sql",
        "allow-data-loss": "with --from: why data may be lost; goes into the files as `-- allow: data-loss REASON`",
    },
    auto_shortflags=False,
)
def create(
    c: Context,
    name: str,
    foreign_keys_off: bool = False,
    from_: str | None = None,
    allow_data_loss: str | None = None,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Write the next migration pair and a check, and bring memsql.sum up to date.

    With --from the pair is written for you: edit sql/schema.sql to what you want, and memsql compares it with what the
    migrations make. ALTER TABLE is used where SQLite has it, a rebuild of the table where it has not. Up, down and up again
    are proven on made-up rows before anything is saved. A rename cannot be seen in a schema: ask for it with
    `-- renamed from: OLD` behind the column, or above the table.

    Examples:  invoke migrate.create add_missing_indices
               invoke migrate.create add_nickname --from sql/schema.sql
    """

    def work(settings: Settings) -> Outcome:
        if from_ is not None or allow_data_loss is not None:
            return _derive(settings, name, from_, allow_data_loss, foreign_keys_off)
        from memsql.author.files import create_pair

        created = create_pair(settings, name, foreign_keys_off=foreign_keys_off)
        lines = [f"wrote {path}" for path in created]
        lines += ["next: write the SQL of both files, then: invoke migrate.sum, invoke migrate.up --dry-run"]
        return Outcome("\n".join(lines), {"files": list(created)})

    run("migrate.create", Options(project, env, database, json), work)


@task(
    name="sum",
    help={**COMMON_HELP, "check": "write nothing; exit with 1 when memsql.sum is stale"},
    auto_shortflags=False,
)
def sum_(
    c: Context,
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Write migrations/memsql.sum: a checksum of every file, chained so that branches conflict in git.

    Run it after every change to a migration that was not applied anywhere yet.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.author.files import write_sum

        changed, problems = write_sum(settings, check=check)
        if check:
            text = "memsql.sum is fresh" if not changed else "\n".join(["memsql.sum is stale:", *problems])
        else:
            text = "memsql.sum written" if changed else "memsql.sum was up to date"
        return Outcome(text, {"changed": changed, "problems": list(problems)}, 1 if check and changed else 0)

    run("migrate.sum", Options(project, env, database, json), work)


@task(
    help={
        **CHANGE_HELP,
        "version": "accept this edited, renamed or missing migration as it now is",
        "dry-run": "say what would be changed, and change nothing",
    },
    auto_shortflags=False,
)
def repair(
    c: Context,
    version: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Make the ledger agree with the files again, and say what was changed.

    Without --version only what is certain: checksums of files that differ by line endings alone, and
    ledger rows for what yoyo did by itself. With --version N, the checksum (and name) of that one migration.

    Examples:  invoke migrate.repair     invoke migrate.repair --version 3
    """

    def work(settings: Settings) -> Outcome:
        from memsql.actions.repair import repair_ledger

        def ready(what: str) -> None:
            admit(settings, what, yes=yes)

        changes = repair_ledger(settings, _version(version), dry_run=dry_run, ready=ready)
        lines = [("would " if dry_run else "") + change for change in changes] or ["nothing to repair"]
        return Outcome("\n".join(lines), {"changes": list(changes), "dry_run": dry_run})

    run("migrate.repair", Options(project, env, database, json), work)


def _derive(settings: Settings, name: str, source: str | None, reason: str | None, foreign_keys_off: bool) -> Outcome:
    from memsql.author.derive import draft
    from memsql.errors import UsageError
    from memsql.report import draft as report
    from memsql.report.progress import Bar

    if source is None:
        raise UsageError(
            "--allow-data-loss REASON goes with --from",
            hint="write `-- allow: data-loss REASON` into the file yourself",
        )
    if foreign_keys_off:
        raise UsageError(
            "--foreign-keys-off and --from do not go together: what is derived says so itself where it is needed"
        )
    if reason is not None and (not reason.strip() or len(reason.splitlines()) > 1):
        raise UsageError("--allow-data-loss takes a reason of one line that a reviewer can judge")
    with Bar() as bar:
        found = draft(settings, name, source, reason=reason, note=bar.start)
    return Outcome(report.text(found, source, reason), report.data(found))


@dataclass(frozen=True, slots=True)
class _How:
    """The options of a run that do not say what is to be run."""

    dry_run: bool
    with_data: bool
    on_server: bool
    window: str | None
    yes: bool


def _go(direction: Direction, settings: Settings, options: RunOptions, how: _How) -> Outcome:
    from memsql.actions import up as migrate
    from memsql.report import migrate as report
    from memsql.report.progress import Bar

    window_ms = _window(how)
    verb = "applied" if direction == "up" else "rolled back"
    if how.dry_run:
        from memsql.actions.rehearse import place_for, rehearse
        from memsql.report import rehearsal

        place = place_for(settings.target, with_data=how.with_data, on_server=how.on_server)
        with Bar() as bar:
            found = rehearse(settings, direction, options, bar, place=place)
        return Outcome(rehearsal.text(found), rehearsal.data(found), found.exit_code)
    refuse_without_dry_run(with_data=how.with_data, on_server=how.on_server)
    estimates: list[Estimate] = []

    def gate(proposal: Proposal) -> None:
        def fit() -> str:
            if window_ms is None:
                return ""
            from memsql.report import window

            estimates.append(_estimated(settings, proposal.direction, options, window_ms, bar))
            return f"\n  {window.text(estimates[0])[0]}"

        admit(settings, proposal.what, yes=how.yes, empty=proposal.empty, clear=bar.clear, before_asking=fit)

    with Bar() as bar:
        act = migrate.up if direction == "up" else migrate.down
        result = act(settings, options, bar, gate)
    text, data = report.run_text(result, verb), report.run_data(result)
    if estimates:
        from memsql.report import window

        text, data = "\n".join([*window.text(estimates[0]), text]), {**data, "window": window.data(estimates[0])}
    return Outcome(text, data)


def _window(how: _How) -> float | None:
    """The maintenance window in milliseconds, None without one. Raises UsageError."""
    if how.window is None:
        return None
    from memsql.errors import UsageError
    from memsql.operate.window import parse_window

    if how.dry_run:
        raise UsageError(
            "--maintenance-window and --dry-run do not go together: both rehearse, and one goes on afterwards",
            state="nothing was changed",
            hint="leave one of them out",
        )
    return parse_window(how.window)


def _estimated(
    settings: Settings, direction: Direction, options: RunOptions, window_ms: float, progress: Progress
) -> Estimate:
    """Rehearse, and return the estimate where the run fits. Raises Refused where it does not, or what would stop the run."""
    from memsql.actions.rehearse import rehearse
    from memsql.operate.window import of_rehearsal, refusal
    from memsql.report import window as report

    found = of_rehearsal(rehearse(settings, direction, options, progress), window_ms)
    problem = refusal(found, report.text(found))
    if problem is not None:
        raise problem
    return found


def _version(text: str | None, what: str = "--to") -> int | None:
    if text is None:
        return None
    from memsql.errors import UsageError

    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{what} {text}: not a number")
    return int(text)


ns = Collection("migrate")
ns.add_task(up, default=True)
for other in (down, to, status, create, sum_, repair):
    ns.add_task(other)
