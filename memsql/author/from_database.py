"""The first migration of a database that was there before: read its schema, write a baseline, and adopt it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql import hints
from memsql.author import baseline
from memsql.author.files import NextName
from memsql.config import Settings
from memsql.db import connection
from memsql.engine.state import read_state
from memsql.errors import CommitUnknown, ConnectError, MemsqlError, Refused, UsageError
from memsql.exchange.ledger_tables import OUR_NAME
from memsql.legacy import baseline as adoption
from memsql.legacy.adoption import refuse_taken_name
from memsql.project.additions import Addition, Written
from memsql.project.files import SUM_NAME
from memsql.project.load import Project
from memsql.project.sums import sum_text
from memsql.schema import Schema, read
from memsql.sqltext.internal import ENGINES, OTHER_LEDGERS
from memsql.sqltext.names import fold
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.replacing import is_unfinished

_FIRST = NextName(1, "baseline", "0001_baseline", "Baseline", None)
_NAMES = (f"{_FIRST.id}.sql", f"{_FIRST.id}.rollback.sql")
# What Cloudflare keeps for itself in a D1 database.
_CLOUDFLARE = frozenset({"_cf_kv", "_cf_metadata"})


@dataclass(frozen=True, slots=True)
class Source:
    """A database without a ledger: its ``schema``, its ``settings``, and the tables that a baseline leaves out, because
    SQLite, a server or another tool keeps them for itself."""

    schema: Schema
    settings: Mapping[str, int]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What init adds for a database: the ``pair``, as ``additions`` to the project with memsql.sum, the tables that it
    leaves out, and files that a stopped init of the same database left, complete or not."""

    pair: baseline.Pair
    additions: tuple[Addition, ...]
    left_out: tuple[str, ...]
    leftovers: tuple[Path, ...] = ()


def draft(settings: Settings, *, take_over: bool = False) -> Draft:
    """The baseline of the database of ``settings``, proven and not written yet. Reads only. ``take_over``: a table of
    another tool with the name of the ledger may be renamed.

    Raises UsageError where the project has migrations, ConnectError where there is no such file, Refused where the
    database is empty, has a ledger, or has a schema that cannot be made again.
    """
    there = _files_in(settings.migrations)
    if not there <= {*_NAMES, SUM_NAME}:
        raise _not_empty(settings, there)
    try:
        source = _look(settings, take_over=take_over)
    except Refused:
        # A project that is finished.
        if not there <= {SUM_NAME}:
            raise _not_empty(settings, there) from None
        raise
    pair = baseline.make(settings, _FIRST, baseline.Content(source.schema, str(settings.target), source.settings))
    texts = dict(zip(_NAMES, (pair.up, pair.down), strict=True))
    sum_after = sum_text([pair.migration(settings)])
    leftovers = _leftovers(settings, {**texts, SUM_NAME: sum_after}, there)
    additions = [_addition(settings, name, text, pair.objects) for name, text in texts.items()]
    has_sum = SUM_NAME in there and settings.migrations / SUM_NAME not in leftovers
    # A sum over no files is the beginning of every sum.
    lines = sum_after.removeprefix(sum_text(()) if has_sum else "")
    sums = Addition(
        settings.migrations / SUM_NAME,
        f"{settings.show(settings.migrations)}/{SUM_NAME}",
        lines.encode(),
        size=(settings.migrations / SUM_NAME).stat().st_size if has_sum else None,
    )
    return Draft(pair, (*additions, sums), source.left_out, leftovers)


def write(settings: Settings, draft: Draft, additions: Sequence[Addition], *, take_over: bool = False) -> str | None:
    """Write ``additions``, among them those of ``draft``, and adopt the database of ``settings`` at the baseline.
    Returns a line about the table of another tool that was renamed.

    Where the database cannot be adopted, everything that was written is taken away again.
    """
    _refuse_unwritable(settings)
    for path in draft.leftovers:
        remove_file(path)
    written = Written()
    written.add(additions)
    project = Project(settings, (draft.pair.migration(settings),))
    try:
        shape = adoption.shape_at(project, _FIRST.version)
        last = adoption.last_shape(project)
        return adoption.write(settings, project, shape, last=last, take_over=take_over).renamed
    except CommitUnknown as e:
        e.hint = (
            f"the files are written; see whether {_FIRST.id} is applied: {hints.command('migrate.status')}; "
            f"if it is not: {hints.command(f'migrate.baseline --version {_FIRST.version}')}"
        )
        raise
    except BaseException as e:
        left = written.undo()
        if isinstance(e, MemsqlError):
            e.state = "the database is as it was, and the files were taken away again"
            e.details = (*e.details, *(f"not taken away: {one}" for one in left))
        raise


def _files_in(folder: Path) -> set[str]:
    """What is in the folder of migrations, but for hidden files, a README, and what writing one of them left."""
    if not folder.is_dir():
        return set()
    names = {entry.name for entry in folder.iterdir() if not entry.name.startswith((".", "README"))}
    return {name for name in names if not is_unfinished(name)}


def _leftovers(settings: Settings, texts: Mapping[str, str], there: set[str]) -> tuple[Path, ...]:
    """The files among ``there`` that a stopped init of the same database left. They hold their ``texts``, or the
    beginning of them. Raises UsageError where one holds something else."""
    if there == {SUM_NAME} and regular.read_bytes(settings.migrations / SUM_NAME) == sum_text(()).encode():
        return ()
    paths = [settings.migrations / name for name in sorted(there)]
    if not all(path.is_file() and texts[path.name].encode().startswith(regular.read_bytes(path)) for path in paths):
        raise _not_empty(settings, there)
    return tuple(paths)


def _not_empty(settings: Settings, there: set[str]) -> UsageError:
    names = ", ".join(sorted(there)[:3])
    return UsageError(
        f"{settings.show(settings.migrations)}/ is not empty: {names}{' and more' if len(there) > 3 else ''}",
        state="nothing was changed",
        hint="say at which of its migrations the database is: "
        f"{hints.command('migrate.baseline --version N')}; or move the files away",
    )


def _look(settings: Settings, *, take_over: bool) -> Source:
    target = settings.target
    if target.path is not None and not target.path.exists():
        raise ConnectError(f"there is no file {target}", state="nothing was changed", hint="check the path")
    with connection(target, "ro", settings.busy_timeout) as conn:
        state = read_state(Project(settings, ()), conn)
        schema, everything = read(conn), read(conn, internal=True)
        of_database = baseline.settings_of(conn)
    books = state.ledger
    if books.tables:
        raise Refused(
            f"{target} has a ledger already: {', '.join(sorted(books.tables))}",
            state="nothing was changed",
            hint="take its migrations into the project",
        )
    refuse_taken_name(state, take_over=take_over, task=f"init --from {shlex.quote(str(target))}")
    others = [name for name in schema.tables if fold(name) in _CLOUDFLARE]
    chosen = baseline.without(schema, others)
    if not chosen.objects:
        raise Refused(
            f"{target} is empty: there is nothing that a baseline could make",
            state="nothing was changed",
            hint=f"start without it: {hints.command('init')}",
        )
    tools = OTHER_LEDGERS | ({OUR_NAME} if books.taken else set())
    engines = [name for name in everything.tables if fold(name) in ENGINES | tools]
    return Source(chosen, of_database, tuple(sorted([*others, *engines])))


def _refuse_unwritable(settings: Settings) -> None:
    """Raise what the database says where nothing can be written to it: before there are files."""
    try:
        with connection(settings.target, "rw", settings.busy_timeout) as conn:
            conn.begin()
            try:
                # SQLite lets a transaction begin in a file that it may only read.
                conn.execute("CREATE TABLE memsql_writable (x)")
            finally:
                conn.rollback()
    except MemsqlError as e:
        e.state = "nothing was changed"
        e.hint = e.hint or "the ledger has to be written into it; make it writable, or take a copy of it"
        raise


def _addition(settings: Settings, name: str, text: str, objects: str) -> Addition:
    what = objects if not name.endswith(".rollback.sql") else ""
    shown = f"{settings.show(settings.migrations)}/{name}"
    return Addition(settings.migrations / name, shown, text.encode(), what)
