"""Which files changed since a branch left its base."""

from __future__ import annotations

from collections.abc import Iterable

from memsql.git import Base, Repository


def changed_paths(repository: Repository, base: Base, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` that differ from the base or are not in it, committed or not. Folders and paths start
    at the root of the repository."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    changed = repository.run(
        "-c", "core.fsmonitor=false", "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", base.start, *where
    )
    paths = set(changed.split("\0")) | set(_untracked(repository, folders))
    return sorted(paths - {""})


def _untracked(repository: Repository, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` that git does not know yet and does not ignore."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    return sorted(set(repository.run("ls-files", "--others", "--exclude-standard", "-z", *where).split("\0")) - {""})
