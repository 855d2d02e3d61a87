"""Exchanges the files that a squash folds for the baseline: all of them, or none, also where the process is killed.

A journal in the folder of migrations says what is under way. While it is there every command refuses the folder, and
the next squash puts the files back before it begins.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from memsql import hints
from memsql.author import journal
from memsql.config import Settings
from memsql.errors import FileError, MemsqlError
from memsql.project.files import SUM_NAME
from memsql.project.folded import ASIDE
from memsql.project.foreign import SQUASHING
from memsql.project.writing import is_name, replace_file
from memsql.storage import regular
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
    entry = _Journal(version, plan.id, list(plan.new), dict(plan.checks), plan.sum_before)
    with journal.begun(settings, SQUASHING, f"{json.dumps(asdict(entry))}\n".encode(), "squash"):
        try:
            _set_aside(settings, plan)
            _exchange(settings, plan)
        except BaseException as e:
            _undo_after(settings, entry, e)
            if isinstance(e, OSError):
                raise FileError(f"{e.filename} cannot be changed: {e.strerror}", state="nothing was changed") from None
            raise


def _undo_after(settings: Settings, entry: _Journal, error: BaseException) -> None:
    """Undo what ``error`` stopped. Raises NotUndoneError, with ``error``, where that fails too."""
    try:
        _undo(settings, entry)
    except (OSError, MemsqlError) as e:
        again = hints.command(f"migrate.squash --to {entry.version}")
        raise journal.NotUndoneError(
            f"the squash failed, and its files could not be put back: {error}",
            details=(f"putting them back: {e}",),
            state="some files are exchanged, and others are not",
            hint=f"run it again: it puts the files back first: {again}",
        ) from e


def put_back(settings: Settings) -> bool:
    """Undo an exchange that was interrupted. Returns whether there was one. Waits for one that is under way."""
    shown = journal.shown_path(settings, SQUASHING)
    return journal.put_back(settings, SQUASHING, lambda text: _undo(settings, _read(text, shown)))


def _read(text: bytes, shown: str) -> _Journal:
    try:
        entry = _Journal(**json.loads(text))
        names = [entry.id, *entry.new, *entry.checks, *entry.checks.values()]
        if isinstance(entry.sum, str | None) and all(map(is_name, names)):
            return entry
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise journal.damaged(shown, "migrations")


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


def _undo(settings: Settings, entry: _Journal) -> None:
    aside, part = _folders(settings, entry.id)
    shown = settings.show(settings.migrations)
    shutil.rmtree(part, ignore_errors=True)
    if aside.is_dir():
        old = {path.name: regular.read_bytes(path).decode() for path in aside.iterdir() if path.name != SUM_NAME}
        for name, text in old.items():
            replace_file(settings.migrations / name, text, f"{shown}/{name}")
        for name in set(entry.new) - old.keys():
            (settings.migrations / name).unlink(missing_ok=True)
        for name, new in entry.checks.items():
            before, after = settings.sql / "checks" / name, settings.sql / "checks" / new
            if after.exists() and not before.exists():
                after.rename(before)
        if entry.sum is None:
            (settings.migrations / SUM_NAME).unlink(missing_ok=True)
        else:
            replace_file(settings.migrations / SUM_NAME, entry.sum, f"{shown}/{SUM_NAME}")
        shutil.rmtree(aside)
    if aside.parent.is_dir() and not any(aside.parent.iterdir()):
        aside.parent.rmdir()
