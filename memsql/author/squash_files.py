"""Exchanges the files that a squash folds for the baseline: all of them, or none, also where the process is killed.

A journal in the folder of migrations says what is under way. While it is there every command refuses the folder, and
the next squash puts the files back before it begins.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from memsql import hints
from memsql.config import Settings
from memsql.errors import FileError, Location, MemsqlError
from memsql.project.files import SUM_NAME
from memsql.project.folded import ASIDE
from memsql.project.foreign import SQUASHING
from memsql.project.writing import is_name, replace_file
from memsql.storage import regular
from memsql.storage.leftovers import remove_file
from memsql.storage.locks import lock
from memsql.storage.new_files import make_folder, open_new
from memsql.storage.syncing import sync_names, write_through


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a squash changes. ``old`` and ``new`` map the names of files of migrations to their texts, ``checks`` the
    names of checks to their new ones; ``sum_before`` and ``sum_after`` are memsql.sum. The old files, with ``old_sum``,
    go to the folder ``id``, the migration that stands for them."""

    id: str
    old: Mapping[str, str]
    new: Mapping[str, str]
    checks: Mapping[str, str]
    sum_before: str | None
    sum_after: str
    old_sum: str


@dataclass(frozen=True, slots=True)
class _Journal:
    """What has to be known to undo an exchange, beside the old files themselves."""

    version: int
    id: str
    new: list[str]
    checks: dict[str, str]
    sum: str | None


def exchange(settings: Settings, plan: Exchange) -> None:
    """Do what ``plan`` says. Raises FileError where a file cannot be written; then all are as before."""
    version = int(plan.id.partition("_")[0])
    journal = _Journal(version, plan.id, list(plan.new), dict(plan.checks), plan.sum_before)
    with _begun(settings, journal):
        try:
            _set_aside(settings, plan)
            _exchange(settings, plan)
        except BaseException as e:
            _undo_after(settings, journal, e)
            if isinstance(e, OSError):
                raise FileError(f"{e.filename} cannot be changed: {e.strerror}", state="nothing was changed") from None
            raise


class _NotUndoneError(FileError):
    """Some files are exchanged, and the journal is there still."""


def _undo_after(settings: Settings, journal: _Journal, error: BaseException) -> None:
    """Undo what ``error`` stopped. Raises _NotUndoneError, with ``error``, where that fails too."""
    try:
        _undo(settings, journal)
    except (OSError, MemsqlError) as e:
        again = hints.command(f"migrate.squash --to {journal.version}")
        raise _NotUndoneError(
            f"the squash failed, and its files could not be put back: {error}",
            details=(f"putting them back: {e}",),
            state="some files are exchanged, and others are not",
            hint=f"run it again: it puts the files back first: {again}",
        ) from e


def put_back(settings: Settings) -> bool:
    """Undo an exchange that was interrupted. Returns whether there was one. Waits for one that is under way."""
    path = settings.migrations / SQUASHING
    try:
        handle = regular.handle(path, os.O_RDWR)
    except OSError:
        return False
    try:
        lock(handle)
        if not path.exists():
            return False
        text = regular.read_bytes(path)
        # Killed before it was written whole: nothing else had begun.
        if text.endswith(b"\n"):
            _undo(settings, _read(text, f"{settings.show(settings.migrations)}/{SQUASHING}"))
        path.unlink()
    finally:
        os.close(handle)
    return True


def _read(text: bytes, shown: str) -> _Journal:
    try:
        journal = _Journal(**json.loads(text))
        names = [journal.id, *journal.new, *journal.checks, *journal.checks.values()]
        if isinstance(journal.sum, str | None) and all(map(is_name, names)):
            return journal
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise FileError(
        f"{shown} is damaged, so that nobody knows what to put back",
        where=Location(shown),
        state="nothing was changed",
        hint="take the migrations from git, and remove that file",
    )


@contextmanager
def _begun(settings: Settings, journal: _Journal) -> Iterator[None]:
    path = settings.migrations / SQUASHING
    shown = f"{settings.show(settings.migrations)}/{SQUASHING}"
    try:
        handle = open_new(path)
    except FileExistsError:
        raise FileError(
            "another squash is under way here",
            where=Location(shown),
            state="nothing was changed",
            hint="run this again",
        ) from None
    except OSError as e:
        raise FileError(
            f"{shown} cannot be written: {e.strerror}", where=Location(shown), state="nothing was changed"
        ) from None
    try:
        lock(handle)
        write_through(handle, f"{json.dumps(asdict(journal))}\n".encode())
        sync_names(settings.migrations)
        yield
    except _NotUndoneError:
        raise
    except BaseException:
        _ended(path)
        raise
    else:
        _ended(path)
    finally:
        os.close(handle)


def _ended(journal: Path) -> None:
    remove_file(journal)


def _folders(settings: Settings, name: str) -> tuple[Path, Path]:
    """The folder of the old files, and the one in which it is made."""
    return settings.sql / ASIDE / name, settings.sql / ASIDE / f".{name}"


def _set_aside(settings: Settings, plan: Exchange) -> None:
    aside, part = _folders(settings, plan.id)
    shutil.rmtree(part, ignore_errors=True)
    make_folder(part, "umask")
    for name, text in {**plan.old, SUM_NAME: plan.old_sum}.items():
        handle = open_new(part / name, "umask")
        try:
            # Before the files that they are copies of go.
            write_through(handle, text.encode())
        finally:
            os.close(handle)
    sync_names(part)
    part.rename(aside)
    sync_names(aside.parent)


def _exchange(settings: Settings, plan: Exchange) -> None:
    shown = settings.show(settings.migrations)
    for name, text in plan.new.items():
        replace_file(settings.migrations / name, text, f"{shown}/{name}")
    for name in plan.old.keys() - plan.new.keys():
        (settings.migrations / name).unlink()
    replace_file(settings.migrations / SUM_NAME, plan.sum_after, f"{shown}/{SUM_NAME}")
    for name, new in plan.checks.items():
        (settings.sql / "checks" / name).rename(settings.sql / "checks" / new)


def _undo(settings: Settings, journal: _Journal) -> None:
    aside, part = _folders(settings, journal.id)
    shown = settings.show(settings.migrations)
    shutil.rmtree(part, ignore_errors=True)
    if aside.is_dir():
        old = {path.name: regular.read_bytes(path).decode() for path in aside.iterdir() if path.name != SUM_NAME}
        for name, text in old.items():
            replace_file(settings.migrations / name, text, f"{shown}/{name}")
        for name in set(journal.new) - old.keys():
            (settings.migrations / name).unlink(missing_ok=True)
        for name, new in journal.checks.items():
            before, after = settings.sql / "checks" / name, settings.sql / "checks" / new
            if after.exists() and not before.exists():
                after.rename(before)
        if journal.sum is None:
            (settings.migrations / SUM_NAME).unlink(missing_ok=True)
        else:
            replace_file(settings.migrations / SUM_NAME, journal.sum, f"{shown}/{SUM_NAME}")
        shutil.rmtree(aside)
    if aside.parent.is_dir() and not any(aside.parent.iterdir()):
        aside.parent.rmdir()
