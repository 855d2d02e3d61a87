"""The decorator that makes a task of a function: settings, progress, common options, errors, outcome, exit code."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from invoke import Exit

from memsql import config, extensions, hints, interrupts
from memsql.errors import Interrupted, MemsqlError, OutputLost, StatementError, UsageError
from memsql.report import text
from memsql.report.outcome import outcome_json
from memsql.storage import faults, leftovers
from memsql.tasks import chain, notice
from memsql.tasks.command_line import MemsqlTask
from memsql.tasks.output import terminal_width, write, write_json
from memsql.words import whole_number

if TYPE_CHECKING:
    from invoke import Context

    from memsql.config import Settings
    from memsql.report.progress import Bar
    from memsql.storage.new_files import Audience

    P = ParamSpec("P")
    Body = Callable[Concatenate[Settings, Bar, P], "Outcome"]

_COMMON_HELP = {
    "database": "path or URL of the database; wins over --env, TURSO_URL and the settings",
    "insecure": "let the token go unencrypted (http:, ws:) to another machine",
    "env": "use the section [memsql:NAME] of the settings (MEMSQL_ENV sets it for a chain of tasks)",
    "project": "folder of the project (default: the nearest one upwards with settings of memsql)",
    "json": "print one JSON object on stdout",
    "quiet": "print nothing but problems, and what is for programs",
    "verbose": "leave nothing out: whole lists, the settings and the database that are used",
}
_COMMON = {name: Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in ("database", "env", "project")} | {
    name: Parameter(name, Parameter.KEYWORD_ONLY, default=False) for name in ("insecure", "json", "quiet", "verbose")
}
DATABASE_OPTIONS = ("database", "env", "project", "insecure", "json")
"""The common options of a task that works on a database."""

PROJECT_OPTIONS = ("project", "json")
"""The common options of a task that works on the files of a project alone."""

FOLDER_OPTIONS = ("env", *PROJECT_OPTIONS)
"""The common options of a task that works on the folders of an environment."""

OUTPUT_OPTIONS = ("quiet", "verbose")
"""The options of every task."""
_MOST = 2**63 - 1


@dataclass(frozen=True)
class Outcome:
    """The result of a task: text for people, fields for programs, and the exit code."""

    text: str
    data: dict[str, object] = field(default_factory=dict)
    exit_code: int = 0
    headline: str = ""
    """The line that stands for the task in the summary of a chain; by default the last one of ``text``."""
    plain: bool = False
    """Whether ``text`` is for programs: it has no colours, and is printed as it is."""


@dataclass(frozen=True)
class Shown:
    """How a task shows its outcome: as JSON, nothing where all is well, or all of it."""

    as_json: bool
    quiet: bool = False
    verbose: bool = False


def task(
    command: str,
    *,
    help: Mapping[str, str] | None = None,
    common: Iterable[str] = DATABASE_OPTIONS,
    default: bool = False,
    iterable: Iterable[str] = (),
    bare_word: str | None = None,
    bare_number: str | None = None,
    bare_paths: str | None = None,
    audience: str | None = None,
    prints_json: Callable[[Mapping[str, Any]], bool] = lambda values: bool(values["json"]),
    reads_only: bool = False,
    new_file: bool = False,
    loads_extensions: bool = True,
    load: Callable[[Mapping[str, Any]], Settings] | None = None,
) -> Callable[[Body[P]], MemsqlTask]:
    """Make an Invoke task of a function that takes settings, progress and options, and returns an Outcome.

    The options on the command line are the function's own keyword parameters and the ``common`` ones. A common option
    is passed on where the function has a parameter of that name. An option of type ``bool`` is a switch; one without a
    default must be given, by a bare word or by name.

    The settings are loaded before the function is called, and progress is shown on the terminal while it runs. A
    MemsqlError or a signal becomes a message on stderr (or, where ``prints_json`` of the options' values, an object on
    stdout with ``ok`` false and ``error``) and its exit code. Nothing else is caught. A chain notes outcome and error.

    ``command``: the full name, as in "migrate.up". ``help``: a line for each own option. ``default``: the task runs
    where its collection is named alone. ``iterable``: options that may be given more than once. ``bare_word``,
    ``bare_number``, ``bare_paths`` and ``audience``: see MemsqlTask. ``reads_only``: it changes nothing, so that
    a signal leaves everything as it was. ``load`` makes the settings of the options' values, for a task that works
    without a project. ``loads_extensions``: whether
    the extensions of the settings are loaded; not by what runs the SQL of a stranger, who may have written the settings
    too. ``new_file``: the database may be a file that is not there (yet); for every other task
    that is ConnectError, exit code 3, because the name is wrong, and an empty database would look like a lost one.

    Example::

        @task("schema.info", help={"table": "only this table (default: all of them)"})
        def info(settings: Settings, progress: Bar, *, table: str | None = None) -> Outcome:
            \"\"\"Describe tables: columns, keys, indexes.\"\"\"
    """
    common = tuple(common)

    def decorate(body: Body[P]) -> MemsqlTask:
        passed = list(inspect.signature(body).parameters)[2:]
        signature = _signature(body, common)

        def run(context: Context, *args: Any, **kwargs: Any) -> None:
            bound = signature.bind(context, *args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments
            _keep_choice(values)
            own = partial(body, **{name: values[name] for name in passed})
            settings_of = load or (_load if new_file else _load_there)
            work: Callable[[], Outcome] = partial(_outcome, own, values, settings_of, loads_extensions=loads_extensions)
            changes_nothing = reads_only or bool(values.get("dry_run"))
            shows = Shown(prints_json(values), quiet=values["quiet"], verbose=values["verbose"])
            if context.config.run.dry and not changes_nothing:
                work = _refuse_dry
            _run(command, work, shows, reads_only=changes_nothing)

        update_wrapper(run, body)
        vars(run)["__signature__"] = signature
        return MemsqlTask(
            run,
            bare_word=bare_word,
            bare_number=bare_number,
            bare_paths=bare_paths,
            audience=audience,
            name=command.rpartition(".")[2],
            default=default,
            iterable=iterable,
            help={**{name: _COMMON_HELP[name] for name in (*common, *OUTPUT_OPTIONS)}, **(help or {})},
        )

    return decorate


def _refuse_dry() -> Outcome:
    """Raise UsageError: Invoke was told to print shell commands in place of running them, and this is none."""
    raise UsageError(
        "Invoke's run.dry is set (--dry, INVOKE_RUN_DRY), and keeps no task of memsql from its work",
        state="nothing was changed",
        hint="write --dry-run behind the name of the task",
    )


def _signature(body: Callable[..., Outcome], common: Iterable[str]) -> Signature:
    """Return the signature that Invoke reads: its context, the own options of ``body``, and the ``common`` ones."""
    _settings, _progress, *parameters = inspect.signature(body).parameters.values()
    own = [parameter for parameter in parameters if parameter.name not in _COMMON]
    context = Parameter("context", Parameter.POSITIONAL_OR_KEYWORD)
    shared = [_COMMON[name] for name in (*common, *OUTPUT_OPTIONS)]
    options = [p.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for p in (*own, *shared)]
    return Signature([context, *options])


def _run(command: str, work: Callable[[], Outcome], shows: Shown, *, reads_only: bool) -> None:
    """Call ``work``, and print its outcome. Raises Exit with its exit code, unless that is 0."""
    interrupts.task_begins()
    chain.begin(command)
    notice.start(command)
    try:
        with text.reader(wants_all=shows.verbose, width=terminal_width()):
            outcome = work()
    except (Exception, KeyboardInterrupt) as stopped:
        error = _error_of(command, stopped, reads_only=reads_only)
        if shows.as_json:
            failure = outcome_json(command, {"error": text.error_json(error)}, ok=False)
            _show(command, error.exit_code, lambda: write_json(failure))
        else:
            with text.reader(wants_all=shows.verbose):
                write(sys.stderr, text.error(error))
        _tell_leftovers()
        chain.failed(error)
        notice.failed(error)
        raise Exit(code=error.exit_code) from None
    exit_code = outcome.exit_code
    if shows.as_json:
        success = outcome_json(command, outcome.data, ok=exit_code == 0)
        exit_code = _show(command, exit_code, lambda: write_json(success))
    elif outcome.text and not (shows.quiet and exit_code == 0 and not outcome.plain):
        exit_code = _show(command, exit_code, lambda: write(sys.stdout, outcome.text, plain=outcome.plain))
    _tell_leftovers()
    headline = outcome.headline or text.headline(outcome.text)
    chain.done(exit_code, headline, outcome.data)
    notice.done(exit_code, headline, outcome.data)
    if exit_code:
        raise Exit(code=exit_code)


def _show(command: str, exit_code: int, show: Callable[[], None]) -> int:
    """Call ``show``, which prints what ``command`` found, and return the exit code: ``exit_code``, or another one where
    all went well but nobody can read it."""
    try:
        show()
    except OutputLost as lost:
        lost.state = f"{command} itself ended with exit code {exit_code}, and what it did stays done"
        write(sys.stderr, text.error(lost))
        return exit_code or lost.exit_code
    return exit_code


def _tell_leftovers() -> None:
    """Say on stderr what could not be removed. The exit code stays that of the work."""
    for sentence in leftovers.take():
        write(sys.stderr, f"warning: {sentence}")


def _keep_choice(values: Mapping[str, Any]) -> None:
    """Let hints name the database, environment and project that were typed."""
    database = values.get("database")
    typed = None if database is None else config.redact(database)
    insecure = bool(values.get("insecure"))
    hints.use_choice(database=typed, env=values.get("env"), project=values.get("project"), insecure=insecure)


def _load(values: Mapping[str, Any]) -> Settings:
    return config.load(
        project=values["project"],
        env=values.get("env"),
        database=values.get("database"),
        insecure=bool(values.get("insecure")),
    )


def _load_there(values: Mapping[str, Any]) -> Settings:
    settings = _load(values)
    if "database" in values:
        settings.target.expect_file()
    return settings


def _outcome(
    work: Callable[[Settings, Bar], Outcome],
    values: Mapping[str, Any],
    load: Callable[[Mapping[str, Any]], Settings],
    *,
    loads_extensions: bool,
) -> Outcome:
    if values["quiet"] and values["verbose"]:
        raise UsageError("--quiet and --verbose do not go together", state="nothing was changed")
    settings = load(values)
    extensions.use(settings.opening if loads_extensions else extensions.NONE)
    if values["verbose"]:
        of = f" of the environment {settings.env}" if settings.env else ""
        write(sys.stderr, f"settings: {settings.root / hints.settings_file()}\ndatabase: {settings.target}{of}")
    if settings.overruled and not values["quiet"] and "database" in values:
        note = f"TURSO_URL chooses {settings.target}, and not {settings.overruled} of the settings"
        write(sys.stderr, f"note: {note}; --database or --env NAME wins over it")
    chain.use(settings)
    from memsql.report.progress import Bar

    with Bar(quiet=values["quiet"]) as progress:
        try:
            return work(settings, progress)
        except Exception as e:
            known = isinstance(e, (MemsqlError, Exit)) or _interruption(e) is not None
            if known or not settings.target.is_server or values["verbose"]:
                raise
            from memsql.tasks.servers import misfit

            raise misfit(settings.target, e) from e


def _error_of(command: str, stopped: BaseException, *, reads_only: bool) -> MemsqlError:
    """What to tell of ``stopped``, which ended the task. Raises it where it is a mistake in memsql."""
    interruption = _interruption(stopped)
    if interruption is not None:
        return _interrupted(command, interruption, reads_only=reads_only)
    fault = faults.explained(stopped, command, hints.command(command))
    if fault is not None:
        return fault
    if isinstance(stopped, MemsqlError):
        return stopped
    raise stopped


def _interruption(error: BaseException) -> KeyboardInterrupt | None:
    """The signal behind ``error``, None where there is none. Python loses a KeyboardInterrupt that comes in the middle
    of an import or of a callback of SQLite, and another error takes its place."""
    if isinstance(error, KeyboardInterrupt):
        return error
    stopped = error.is_interrupt if isinstance(error, StatementError) else not isinstance(error, MemsqlError)
    if stopped:
        try:
            interrupts.refuse_lost()
        except KeyboardInterrupt as e:
            return e
    return None


def _interrupted(command: str, stopped: KeyboardInterrupt, *, reads_only: bool) -> Interrupted:
    message = f"{'SIGTERM' if stopped.args else 'Ctrl-C'} stopped {command}"
    if reads_only or isinstance(stopped, interrupts.Untouched):
        return Interrupted(message, state="nothing was changed")
    return Interrupted(
        message, state="no migration was running at that moment", hint=f"see: {hints.command('migrate.status')}"
    )


def written(text: str, output: str | None, field: str, headline: str, *, audience: Audience = "umask") -> Outcome:
    """Write ``text`` to the file ``output``, or print it; ``field`` is its name in JSON.

    ``audience``: who may read a new file.
    """
    from contextlib import suppress
    from pathlib import Path

    from memsql.project.writing import replace_file
    from memsql.storage.new_files import make_folder

    if output is None:
        return Outcome(text.rstrip(), {field: text}, headline=headline, plain=field != "mermaid")
    file = Path.cwd() / output
    # One folder alone: where the one above is missing too, the path is a mistake, which replace_file tells.
    if file.parent.parent.is_dir():
        with suppress(OSError):
            make_folder(file.parent, audience)
    replace_file(file, text, output, audience)
    return Outcome(f"wrote {output}", {"file": output})


def number(
    option: str, value: str, *, least: int = 0, most: int | None = None, problem: str = "not a number", state: str = ""
) -> int:
    """Return the whole number that ``value``, the text of ``option``, is; from ``least`` to ``most``.

    An option is read as text, so that a wrong number is answered like every other wrong option. Raises UsageError, with
    ``problem`` behind option and text, and ``state`` for what the database looks like.
    """
    number = whole_number(value)
    # No more than SQLite takes for a number.
    if number is not None and least <= number <= (_MOST if most is None else most):
        return number
    raise UsageError(f"{option} {value}: {problem}", state=state or None)


def refuse_without_dry_run(**switches: bool) -> None:
    """Raise UsageError where a switch is on that belongs to a rehearsal. Call it where nothing is to be rehearsed."""
    options = [f"--{name.replace('_', '-')}" for name, is_on in switches.items() if is_on]
    if options:
        raise UsageError(
            f"{options[0]} belongs to a rehearsal, and --dry-run is missing",
            state="nothing was changed",
            hint="add --dry-run, or leave it out",
        )
