"""Folds the first migrations of a project into one baseline, proven equal by schema and by replay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from memsql import hints
from memsql.author import baseline, squash_rows
from memsql.author.files import NextName
from memsql.author.squash_files import Exchange, exchange
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import CheckFailed, FileError, Location, Refused, UsageError
from memsql.legacy.eras import era_files
from memsql.progress import SILENT, Progress
from memsql.project.checks import run_checks
from memsql.project.files import SUM_NAME, Migration, parse_file_name
from memsql.project.folded import ASIDE, digest_of, known_to
from memsql.project.load import Project, in_order, load_project, refuse_stale_sum
from memsql.project.sums import sum_text
from memsql.schema import diff, read
from memsql.scratch.database import contents_of
from memsql.sqltext import statements
from memsql.sqltext.pragmas import changes, read_pragma
from memsql.storage import regular

_SHOWN = 5
_HEADER_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Squash:
    """A squash that was proven, and not written yet: ``folded`` become ``migration``, with ``rows`` by table.

    ``checks`` maps the files of checks to their new names. ``folder`` is where the old files go, as messages show it.
    """

    migration: Migration
    folded: tuple[Migration, ...]
    rest: tuple[Migration, ...]
    objects: str
    rows: Mapping[str, int]
    checks: Mapping[str, str]
    folder: str


def squash(settings: Settings, to: int, *, keep_values: bool = False, progress: Progress = SILENT) -> Squash:
    """Fold the migrations up to version ``to``. Reads only, apart from databases in memory.

    Rows that they wrote become INSERTs; values that a clock or chance gives are refused, unless ``keep_values``.
    Raises UsageError where there is nothing to fold, FileError where a file cannot be used, Refused where something
    that counts on a folded migration would break, and where the proof fails.
    """
    project = load_project(settings)
    refuse_stale_sum(project)
    folded, rest = _parts(project, to)
    aside = settings.sql / ASIDE / folded[-1].id
    if aside.exists():
        raise FileError(f"{settings.show(aside)} is there already", state="nothing was changed", hint="move it away")
    _refuse_dependent(settings, folded, rest)
    checks = _renamed_checks(settings, folded)
    progress.start("replaying the migrations")
    if not keep_values:
        squash_rows.refuse_volatile(project, folded)
    with closing(memory()) as conn:
        squash_rows.run(conn, Project(settings, folded))
        rows = squash_rows.rows_of(conn)
        content = baseline.Content(
            read(conn),
            f"{folded[0].id} to {folded[-1].id}",
            baseline.settings_of(conn),
            rows.inserts,
            rows.ends,
            _directives(folded),
        )
        contents = contents_of(conn)
    _refuse_unfit(content, folded)
    last = folded[-1]
    name = NextName(last.version, last.name, last.id, last.id, None)

    def prove_rows(conn: SQLiteConnection) -> None:
        problems = [*squash_rows.differences(contents, contents_of(conn)), *_failed_checks(conn, project, folded)]
        if problems:
            raise CheckFailed(
                "the baseline does not make the rows that the migrations make",
                details=tuple(problems),
                state="nothing was changed",
            )

    progress.start("proving the baseline")
    pair = baseline.make(settings, name, content, prove_rows)
    pair = _with_hash(pair, folded, pair.migration(settings))
    migration = pair.migration(settings)
    _prove_replay(project, folded, (migration, *rest), keep_values=keep_values)
    return Squash(migration, folded, rest, pair.objects, rows.numbers, checks, settings.show(aside))


def write(settings: Settings, squash: Squash) -> None:
    """Move the old files aside, write the baseline in their place, rename the checks, and bring memsql.sum up to date.

    Where something of it fails, all files are as before.
    """
    sums = settings.migrations / SUM_NAME
    by_version = sorted((squash.migration, *squash.rest), key=lambda migration: migration.version)
    exchange(
        settings,
        Exchange(
            squash.migration.id,
            _texts(squash.folded),
            _texts([squash.migration]),
            squash.checks,
            regular.read_bytes(sums).decode() if sums.exists() else None,
            sum_text(by_version),
            sum_text(squash.folded),
        ),
    )


def _texts(migrations: Sequence[Migration]) -> dict[str, str]:
    return {file.name: file.data.decode() for m in migrations for file in (m.up, m.down) if file is not None}


def _parts(project: Project, to: int) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """The migrations to fold and the rest, in order."""
    if to not in {m.version for m in project.ordered}:
        raise UsageError(
            f"there is no migration {to}", state="nothing was changed", hint=f"see: {hints.command('migrate.status')}"
        )
    folded = tuple(m for m in project.ordered if m.version <= to)
    if len(folded) < 2:
        raise UsageError(
            f"{folded[0].id} alone is nothing to fold", state="nothing was changed", hint="name a later version"
        )
    if folded[-1].version != to:
        raise Refused(
            f"{folded[-1].id} runs after {to}, because it depends on it",
            state="nothing was changed",
            hint="name another version",
        )
    return folded, tuple(m for m in project.ordered if m.version > to)


def _refuse_unfit(content: baseline.Content, folded: Sequence[Migration]) -> None:
    """Raise Refused where there is nothing to make, or where the header would be longer than what is read of it."""
    if not content.schema.objects and not content.settings:
        raise _cannot_fold(
            f"the migrations up to {folded[-1].id} make nothing that is left",
            folded[-1].up.path,
            "name a later version",
        )
    if sum(map(len, content.directives)) > _HEADER_CHARACTERS:
        raise _cannot_fold(
            f"{len(folded)} migrations are more than the header of one file can name",
            folded[-1].up.path,
            "fold them in several steps, each after every database has followed the one before",
        )


def _directives(folded: Sequence[Migration]) -> tuple[str, ...]:
    """The lines by which a ledger from before is understood."""
    ids = [m.id for m in folded]
    earlier = [name for m in folded for name in known_to(m) if name not in ids]
    lines = [f"-- stands_for: {' '.join(ids)}"]
    return (*lines, *([f"-- stands_for: {' '.join(earlier)}"] if earlier else []))


def _with_hash(pair: baseline.Pair, folded: Sequence[Migration], migration: Migration) -> baseline.Pair:
    """``pair`` with the hash by which a ledger from before shows that it had the same texts."""
    (line,) = _directives(folded)[:1]
    digest = digest_of([m.hashes.up for m in folded], migration)
    return replace(pair, up=pair.up.replace(line, f"{line} @{digest}", 1))


def _refuse_dependent(settings: Settings, folded: Sequence[Migration], rest: Sequence[Migration]) -> None:
    """Raise Refused for what names a folded migration other than the last, or cannot be folded."""
    last = folded[-1]
    gone = {m.id for m in folded[:-1]}
    kept = {m.id for m in rest}
    for m in (*folded, *rest):
        wrong = [name for name in m.depends if name in (kept if m in folded else gone)]
        if wrong:
            raise _cannot_fold(f"{m.id} depends on {', '.join(wrong)}", m.up.path, "name another version")
        # A NUL or a byte that is no UTF-8 would be refused later, without a word of the file.
        m.up.text()
    for m in folded:
        names = [p.name for s in statements(m.up.text()) if (p := read_pragma(s.text)) is not None and changes(p)]
        if not m.header.transactional and names:
            raise _cannot_fold(
                f"{m.id} sets PRAGMA {', '.join(names)} outside of a transaction, which no baseline can",
                m.up.path,
                "squash up to the migration before it",
            )
    versions = {m.version for m in folded} - {last.version}
    for era, file in era_files(settings):
        counted = versions.intersection(era.counts_as)
        if counted:
            numbers = ", ".join(map(str, sorted(counted)))
            raise _cannot_fold(
                f"the era {era.name} counts as {numbers}, and a database of it could be adopted no more",
                file.path,
                "squash up to a version before them; or remove the era, where there is no such database any more",
            )


def _cannot_fold(message: str, path: str, hint: str) -> Refused:
    return Refused(message, where=Location(path), state="nothing was changed", hint=hint)


def _renamed_checks(settings: Settings, folded: Sequence[Migration]) -> dict[str, str]:
    """The files of checks that belong to a folded migration, and their names as checks of the baseline."""
    folder, last = settings.sql / "checks", folded[-1]
    versions = {m.version for m in folded} - {last.version}
    names = {}
    for path in sorted(folder.glob("*.sql")) if folder.is_dir() else ():
        parsed = parse_file_name(path.name)
        if parsed is not None and parsed.version in versions:
            names[path.name] = re.sub(r"^\d+", last.id.partition("_")[0], path.name)
    taken = [new for new in names.values() if (folder / new).exists() or list(names.values()).count(new) > 1]
    if taken:
        shown = f"{settings.show(folder)}/{taken[0]}"
        raise _cannot_fold(
            f"checks of folded migrations would all be called {shown}",
            shown,
            "give the file another name behind its number",
        )
    return names


def _failed_checks(conn: SQLiteConnection, project: Project, folded: Sequence[Migration]) -> list[str]:
    """What the checks of folded migrations say of ``conn``."""
    versions = {m.version for m in folded}
    results = run_checks(conn, [check for check in project.checks if check.version in versions])
    return [
        f"{result.check.path}: {message}"
        for result in results
        if result.check.severity == "error"
        for message in result.messages[:_SHOWN]
    ]


def _prove_replay(
    project: Project, folded: Sequence[Migration], changed: Sequence[Migration], *, keep_values: bool
) -> None:
    """Raise CheckFailed where the baseline and the rest make something else than all migrations did.

    Both run at the same moment of another clock, so that what the rest takes from it is the same.
    """
    ordered = in_order(changed)
    with closing(memory()) as old, closing(memory()) as new:
        squash_rows.run(old, project, other_clock=not keep_values)
        squash_rows.run(new, Project(project.settings, ordered), other_clock=not keep_values)
        difference = diff(read(old), read(new))
        lines = [*difference.meaning_lines(), *difference.respelled]
        if not keep_values:
            lines += squash_rows.differences(contents_of(old), contents_of(new))
    if lines:
        raise CheckFailed(
            f"with the baseline of {folded[-1].id} all migrations together make something else",
            details=tuple(lines[:_SHOWN]),
            state="nothing was changed",
            hint="a migration behind it counts on something that the baseline does not keep; name another version",
        )
