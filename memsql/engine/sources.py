"""Where a schema can come from: the migrations, a database, a file, a commit."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from memsql.config import Settings
from memsql.engine.replay import replay_schema
from memsql.errors import FileError, Location, UsageError
from memsql.files import SUM_NAME, read_file
from memsql.schema import Schema, from_sql, read

FORMS = "migrations, database, schema.sql, a path to a .sql file, git:REF, git:REF:migrations"
_TIMEOUT = 60


def schema_from(settings: Settings, source: str) -> Schema:
    """The schema that ``source`` names: ``migrations`` run on an empty database, ``database``, ``schema.sql`` (the
    snapshot), the path of a .sql file, ``git:REF`` (the snapshot at a commit) or ``git:REF:migrations`` (the migrations there).

    Raises UsageError for what is none of these or does not exist, FileError for a file that makes no schema, and what
    replaying and connecting raise.
    """
    if source == "migrations":
        return replay_schema(settings)
    if source == "database":
        return _database(settings)
    if source.startswith("git:"):
        ref, _, what = source[4:].partition(":")
        if not ref or what not in ("", "migrations", "schema.sql"):
            raise UsageError(f"{source}: not git:REF or git:REF:migrations", hint=f"a schema comes from: {FORMS}")
        return _migrations_at(settings, ref) if what == "migrations" else _snapshot_at(settings, ref)
    if source == "schema.sql":
        path = settings.sql / "schema.sql"
        return _file(path, settings.show(path), "write it: invoke schema.dump --write")
    if source.endswith(".sql"):
        path = next((p for p in (settings.root / source, Path.cwd() / source) if p.is_file()), Path.cwd() / source)
        return _file(path, source, "")
    raise UsageError(f"{source}: no such source of a schema", hint=f"a schema comes from: {FORMS}")


def _database(settings: Settings) -> Schema:
    from memsql.db import connect

    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        return read(conn)
    finally:
        conn.close()


def _file(path: Path, shown: str, hint: str) -> Schema:
    if not path.is_file():
        raise UsageError(f"there is no file {shown}", hint=hint or f"a schema comes from: {FORMS}")
    return from_sql(read_file(path, shown).text(), shown)


def _snapshot_at(settings: Settings, ref: str) -> Schema:
    path = settings.sql / "schema.sql"
    commit, inside = _commit(settings, ref), _inside(settings, path)
    if not _listed(settings, commit, inside):
        raise UsageError(f"there is no {settings.show(path)} at {ref}", hint=f"take the migrations there: git:{ref}:migrations")
    shown = f"{ref}:{inside}"
    return from_sql(_decoded(_git(settings, "cat-file", "blob", f"{commit}:{inside}"), shown), shown)


def _migrations_at(settings: Settings, ref: str) -> Schema:
    import tempfile

    commit, inside = _commit(settings, ref), _inside(settings, settings.migrations)
    names = [n for n in _listed(settings, commit, inside + "/") if n.endswith((".sql", "/" + SUM_NAME))]
    if not names:
        raise UsageError(f"there are no migrations in {settings.show(settings.migrations)} at {ref}")
    with tempfile.TemporaryDirectory(prefix="memsql-diff-") as folder:
        for name in names:
            Path(folder, os.path.basename(name)).write_bytes(_git(settings, "cat-file", "blob", f"{commit}:{name}"))
        # Checks of today may not hold for migrations of then.
        return replay_schema(replace(settings, migrations=Path(folder), sql=Path(folder)))


def _commit(settings: Settings, ref: str) -> str:
    looked = _run(settings, "rev-parse", "--is-inside-work-tree")
    if looked.returncode:
        said = looked.stderr.decode(errors="replace").strip()
        raise UsageError(f"git:{ref}: {settings.root} is in no git repository that can be read",
                         hint=f"a schema comes from: {FORMS}", details=tuple(said.splitlines()[:1]))
    # A ref that begins with a dash must not become an option.
    found = _run(settings, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        raise UsageError(f"git knows no commit {ref}",
                         hint="see: git branch --all, git tag; in a shallow clone fetch it first: git fetch origin")
    return found.stdout.decode().split()[-1]


def _inside(settings: Settings, path: Path) -> str:
    """``path`` as git names it, from the top of the repository."""
    top = os.path.realpath(_git(settings, "rev-parse", "--show-toplevel").decode(errors="surrogateescape").rstrip("\n"))
    inside = os.path.relpath(os.path.realpath(path), top)
    if inside.startswith(".."):
        raise UsageError(f"{settings.show(path)} is not in the git repository of the project")
    return inside.replace(os.sep, "/")


def _listed(settings: Settings, commit: str, inside: str) -> list[str]:
    """The files at ``inside``, or in that folder where it ends in a slash."""
    # --full-tree: paths count from the top of the repository, not from the project's folder.
    out = _git(settings, "ls-tree", "-z", "--full-tree", "--name-only", commit, "--", inside)
    return [name for name in out.decode(errors="surrogateescape").split("\0") if name]


def _git(settings: Settings, *words: str) -> bytes:
    found = _run(settings, *words)
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip().splitlines()
        raise FileError(f"git {words[0]} failed: {said[-1] if said else found.returncode}", where=Location(str(settings.root)))
    return found.stdout


def _run(settings: Settings, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *words], cwd=settings.root, capture_output=True, check=False, timeout=_TIMEOUT,
                              stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise UsageError("git is not installed, so a commit cannot be read", hint="install git, or name another source") from None
    except subprocess.TimeoutExpired:
        raise FileError(f"git {words[0]} did not answer within {_TIMEOUT} seconds", where=Location(str(settings.root))) from None


def _decoded(data: bytes, shown: str) -> str:
    from memsql.files import SqlFile

    return SqlFile(shown, shown.rpartition("/")[2], data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).text()
