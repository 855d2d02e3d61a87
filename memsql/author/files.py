"""Writing migration files: a new pair with its check, and the sum file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memsql.config import Settings
from memsql.errors import FileError, Location, UsageError
from memsql.project import skeletons
from memsql.project.files import SUM_NAME, Migration, lf, parse_file_name, raw_bytes, read_folder
from memsql.project.sums import sum_problems, sum_text
from memsql.project.versions import timestamp
from memsql.project.writing import replace_file
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.locks import CAN_LOCK, lock
from memsql.storage.new_files import make_folder
from memsql.storage.replacing import Staged, staged, sweep
from memsql.storage.syncing import sync_names


@dataclass(frozen=True, slots=True)
class NextName:
    """The next migration of a folder. ``depends`` is the id of the last one, None in an empty folder."""

    version: int
    name: str
    id: str
    title: str
    depends: str | None


@dataclass(frozen=True, slots=True)
class NewFiles:
    """The files that were written, and those that a stopped migrate.create had left and that were removed; as messages
    show them."""

    written: tuple[str, ...]
    removed: tuple[str, ...] = ()


def create_pair(settings: Settings, name: str, *, foreign_keys_off: bool = False) -> NewFiles:
    """Write ``NNNN_name.sql``, its rollback, a check and memsql.sum, and remove what a stopped migrate.create left.

    Raises UsageError for a name that makes no file name, FileError where a file cannot be written.
    """
    make_folder(settings.migrations, "umask")
    with _alone_in(settings.migrations):
        removed = _remove_skeletons(settings)
        coming = next_name(settings, name)
        begun = _begun(settings, coming.name, foreign_keys_off=foreign_keys_off)
        if begun and complete_sum(settings):
            return NewFiles((*begun, settings.show(settings.migrations / SUM_NAME)), removed)
        stem = coming.id
        up = skeletons.new_migration(coming.title, coming.depends, foreign_keys_off=foreign_keys_off)
        texts = {
            settings.migrations / f"{stem}.sql": up,
            settings.migrations / f"{stem}.rollback.sql": skeletons.new_rollback(
                stem, foreign_keys_off=foreign_keys_off
            ),
            settings.sql / "checks" / f"{stem}.sql": skeletons.new_check(stem),
        }
        return NewFiles(write_files(settings, texts), removed)


def _begun(settings: Settings, name: str, *, foreign_keys_off: bool) -> tuple[str, ...]:
    """The files of the last migration, where it is called ``name`` and holds, to the letter, what migrate.create begins
    with: one that was stopped before memsql.sum wrote them."""
    existing = read_folder(settings.migrations, settings.show(settings.migrations))
    if not existing or existing[-1].name != name:
        return ()
    last, depends = existing[-1], existing[-2].id if len(existing) > 1 else None
    title = name.replace("_", " ").capitalize()
    expected = skeletons.new_migration(title, depends, foreign_keys_off=foreign_keys_off)
    check = settings.sql / "checks" / f"{last.id}.sql"
    if last.up.data != expected.encode() or last.down is None or not skeletons.is_new_rollback(last.id, last.down.data):
        return ()
    return (last.up.path, last.down.path, settings.show(check)) if check.is_file() else ()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While open, no other migrate.create writes into ``folder``."""
    handle = os.open(folder, os.O_RDONLY) if CAN_LOCK else None
    try:
        if handle is not None:
            lock(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _remove_skeletons(settings: Settings) -> tuple[str, ...]:
    """Remove rollbacks and checks without a migration that are, to the letter, what migrate.create begins with.

    Nobody has worked on them: the migration itself is written last.
    """
    removed = []
    folders = (
        (settings.migrations, ".rollback.sql", skeletons.is_new_rollback),
        (settings.sql / "checks", ".sql", skeletons.is_new_check),
    )
    for folder, ending, is_new in folders:
        for path in sorted(folder.glob(f"*{ending}")):
            stem, shown = path.name.removesuffix(ending), settings.show(path)
            if parse_file_name(f"{stem}.sql") is None or os.path.lexists(settings.migrations / f"{stem}.sql"):
                continue
            if path.is_file() and not path.is_symlink() and is_new(stem, lf(raw_bytes(path, shown))):
                remove_file(path)
                removed.append(shown)
    return tuple(removed)


def next_name(settings: Settings, name: str) -> NextName:
    """The version and the name of the next migration. The folder is made where it is missing.

    Raises UsageError for a name that makes no file name.
    """
    short = re.sub(r"[\s-]+", "_", name.strip()).lower()
    if not re.fullmatch(r"\w+", short):
        raise UsageError(
            f"{name!r} makes no migration name", hint="use letters, digits and underscores, as in add_missing_indices"
        )
    make_folder(settings.migrations, "umask")
    existing = read_folder(settings.migrations, settings.show(settings.migrations))
    following = existing[-1].version + 1 if existing else 1
    version = max(following, timestamp(datetime.now(UTC))) if settings.timestamps else following
    return NextName(
        version,
        short,
        f"{version:0{_width(existing)}d}_{short}",
        short.replace("_", " ").capitalize(),
        existing[-1].id if existing else None,
    )


def write_files(settings: Settings, texts: Mapping[Path, str]) -> tuple[str, ...]:
    """Write new files and then memsql.sum. Return their paths as messages show them.

    Raises FileError where one exists or cannot be written; then none of them is there.
    """
    write_new_files(settings, texts)
    try:
        write_sum(settings)
    except BaseException:
        for path in texts:
            remove_file(path)
        raise
    return (*map(settings.show, texts), settings.show(settings.migrations / SUM_NAME))


def write_new_files(settings: Settings, texts: Mapping[Path, str]) -> None:
    """Write new files. Raises FileError where one exists or cannot be written; then none of them is there."""
    written: list[Path] = []
    try:
        with ExitStack() as stack:
            ready = [_staged(stack, path, text, settings.show(path)) for path, text in texts.items()]
            # The last first: everything refuses a rollback without its migration, but not a migration without its
            # rollback.
            for file in reversed(ready):
                with _problems(settings.show(file.path)):
                    file.create()
                written.append(file.path)
        for folder in {path.parent for path in texts}:
            sync_names(folder)
    except BaseException:
        for path in written:
            remove_file(path)
        raise


def write_sum(settings: Settings, *, check: bool = False, under_way: str = "") -> tuple[bool, tuple[str, ...]]:
    """Bring memsql.sum up to date, or with ``check`` only say whether it is. ``under_way``: the journal of the caller,
    for whom the folder need not be as others want it.

    Returns whether it was stale, and why. Raises FileError where the folder cannot be read or written.
    """
    shown = settings.show(settings.migrations)
    migrations = read_folder(settings.migrations, shown, under_way)
    path = settings.migrations / SUM_NAME
    text = sum_text(migrations)
    if path.is_file() and regular.read_bytes(path).replace(b"\r\n", b"\n") == text.encode():
        return False, ()
    problems = tuple(sum_problems(settings.migrations, migrations)) or ("there is no memsql.sum",)
    if not check:
        replace_file(path, text, f"{shown}/{SUM_NAME}")
    return True, problems


def complete_sum(settings: Settings) -> tuple[str, ...]:
    """Add to memsql.sum the files behind its end, which a command that was stopped had not added yet.

    Returns a sentence that says so, if there are any. Raises FileError.
    """
    shown = settings.show(settings.migrations)
    path = settings.migrations / SUM_NAME
    for folder in (settings.migrations, settings.sql / "checks"):
        sweep(folder / "0001_any.sql")
    text = sum_text(read_folder(settings.migrations, shown))
    now = lf(regular.read_bytes(path)).decode("utf-8", "replace") if path.is_file() else text
    if now == text or not text.startswith(now):
        return ()
    replace_file(path, text, f"{shown}/{SUM_NAME}")
    return (f"completed {shown}/{SUM_NAME}, which lacked the newest files",)


def _staged(stack: ExitStack, path: Path, text: str, shown: str) -> Staged:
    """The file ``path`` with ``text``, which has not its name yet. Raises FileError."""
    with _problems(shown):
        make_folder(path.parent, "umask")
        if os.path.lexists(path):
            raise FileExistsError
        file = stack.enter_context(staged(path, "umask"))
        file.file.write(text.encode("utf-8"))
        file.file.flush()
        return file


@contextmanager
def _problems(shown: str) -> Iterator[None]:
    """Turn errors of writing the file that is shown as ``shown`` into a FileError."""
    try:
        yield
    except FileExistsError:
        raise FileError(f"{shown} exists already", where=Location(shown), state="nothing was overwritten") from None
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None


def _width(existing: tuple[Migration, ...]) -> int:
    """As many digits as the last file has, four where it is the first."""
    return len(existing[-1].id.partition("_")[0]) if existing else 4
