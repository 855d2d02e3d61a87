"""The sources a schema can come from: the migrations, a database, a file, a commit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from memsql import hints
from memsql.config import Settings
from memsql.engine.replay import replay_schema
from memsql.errors import UsageError
from memsql.git import Repository, contents, files_in, find_repository
from memsql.project.files import SUM_NAME, read_file
from memsql.project.load import load_project
from memsql.schema import Schema, from_sql, read
from memsql.storage import work_folders
from memsql.storage.new_files import open_new

FORMS = "migrations, database, schema.sql, a path to a .sql file, git:REF, git:REF:migrations"


def schema_from(settings: Settings, source: str) -> Schema:
    """The schema that ``source`` names: ``migrations`` run on an empty database, ``database``, ``schema.sql`` (the
    snapshot), the path of a .sql file, ``git:REF`` (the snapshot at a commit) or ``git:REF:migrations`` (the
    migrations there).

    Raises UsageError for what is none of these or does not exist, FileError for a file that makes no schema, and what
    replaying and connecting raise.
    """
    if source == "migrations":
        return replay_schema(load_project(settings))
    if source == "database":
        return _database(settings)
    if source.startswith("git:"):
        ref, _, what = source[4:].partition(":")
        if not ref or what not in ("", "migrations", "schema.sql"):
            raise UsageError(f"{source}: not git:REF or git:REF:migrations", hint=f"a schema comes from: {FORMS}")
        return _migrations_at(settings, ref) if what == "migrations" else _snapshot_at(settings, ref)
    if source == "schema.sql":
        path = settings.sql / "schema.sql"
        return _file(path, settings.show(path), f"write it: {hints.command('schema.dump --write')}")
    if source.endswith(".sql"):
        path = next((p for p in (settings.root / source, Path.cwd() / source) if p.is_file()), Path.cwd() / source)
        return _file(path, source, "")
    raise UsageError(f"{source}: no such source of a schema", hint=f"a schema comes from: {FORMS}")


def _database(settings: Settings) -> Schema:
    from memsql.db import connection

    settings.target.expect_file()
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        return read(conn)


def _file(path: Path, shown: str, hint: str) -> Schema:
    if not path.is_file():
        raise UsageError(f"there is no file {shown}", hint=hint or f"a schema comes from: {FORMS}")
    return from_sql(read_file(path, shown).text(), shown)


def _snapshot_at(settings: Settings, ref: str) -> Schema:
    repository, commit = _commit(settings, ref)
    path = settings.sql / "schema.sql"
    inside = _inside(settings, repository, path)
    blob = files_in(repository, commit, inside).get(inside)
    if blob is None:
        raise UsageError(
            f"there is no {settings.show(path)} at {ref}", hint=f"take the migrations there: git:{ref}:migrations"
        )
    shown = f"{ref}:{inside}"
    return from_sql(_decoded(contents(repository, [blob])[blob], shown), shown)


@contextmanager
def folder_at(settings: Settings, ref: str) -> Iterator[Path]:
    """The files of the migrations folder as they are at the commit ``ref``, in a temporary folder.

    Raises UsageError where there is no repository, no such commit, or no migration there.
    """

    repository, commit = _commit(settings, ref)
    place = _inside(settings, repository, settings.migrations) + "/"
    listed = files_in(repository, commit, place)
    blobs = {
        name: blob
        for path, blob in listed.items()
        if "/" not in (name := path.removeprefix(place)) and (name.endswith(".sql") or name == SUM_NAME)
    }
    if not blobs:
        raise UsageError(f"there are no migrations in {settings.show(settings.migrations)} at {ref}")
    held = contents(repository, blobs.values())
    with work_folders.temporary("diff") as folder:
        for name, blob in blobs.items():
            with os.fdopen(open_new(folder / name), "wb") as file:
                file.write(held[blob])
        yield folder


def _migrations_at(settings: Settings, ref: str) -> Schema:
    with folder_at(settings, ref) as folder:
        # Checks of today may not hold for migrations of then.
        return replay_schema(load_project(replace(settings, migrations=folder, sql=folder)))


def _commit(settings: Settings, ref: str) -> tuple[Repository, str]:
    repository = find_repository(settings.root, f"a schema comes from: {FORMS}")
    commit = repository.commit(ref)
    if commit is None:
        raise UsageError(
            f"git knows no commit {ref}",
            hint="see: git branch --all, git tag; in a shallow clone fetch it first: git fetch origin",
        )
    return repository, commit


def _inside(settings: Settings, repository: Repository, path: Path) -> str:
    """``path`` as git names it, from the top of the repository."""
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(repository.root))
    if inside.startswith(".."):
        raise UsageError(f"{settings.show(path)} is not in the git repository of the project")
    return inside.replace(os.sep, "/")


def _decoded(data: bytes, shown: str) -> str:
    from memsql.project.files import SqlFile

    return SqlFile(shown, shown.rpartition("/")[2], data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).text()
