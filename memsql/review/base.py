"""What a branch is compared with: the commit it began at, and which files changed since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memsql.errors import UsageError
from memsql.git import Repository

_DEFAULTS = ("origin/main", "main", "origin/master", "master")


@dataclass(frozen=True, slots=True)
class Base:
    """What a change is compared with: ``name`` as people know it, ``tip`` its newest commit, ``start`` the commit
    where the branch left it."""

    name: str
    tip: str
    start: str


def find_base(repository: Repository, name: str | None) -> Base:
    """The base called ``name``, or the first of origin/main, main, origin/master and master that exists.

    Raises UsageError where it does not exist, and where this clone does not hold the commit at which the branches part.
    """
    if repository.commit("HEAD") is None:
        raise UsageError(
            "this repository has no commit yet, so there is nothing to compare with",
            state="nothing was changed",
            hint="commit what exists, then change it",
        )
    names = (name,) if name is not None else _DEFAULTS
    for candidate in names:
        tip = repository.commit(candidate)
        if tip is not None:
            return Base(candidate, tip, _start(repository, candidate, tip))
    shown = name or "any of " + ", ".join(_DEFAULTS)
    raise UsageError(
        f"there is no commit {shown} in this clone", state="nothing was changed", hint=_fetch(repository, name)
    )


def changed_paths(repository: Repository, base: Base, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` that differ from the base or are not in it, committed or not. Folders and paths start
    at the root of the repository."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    changed = repository.run(
        "-c", "core.fsmonitor=false", "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", base.start, *where
    )
    paths = set(changed.split("\0")) | set(untracked_paths(repository, folders))
    return sorted(paths - {""})


def untracked_paths(repository: Repository, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` that git does not know yet and does not ignore."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    return sorted(set(repository.run("ls-files", "--others", "--exclude-standard", "-z", *where).split("\0")) - {""})


def _start(repository: Repository, name: str, tip: str) -> str:
    start = repository.try_run("merge-base", tip, "HEAD")
    if start is None:
        raise UsageError(
            f"this clone does not hold the commit where the branch left {name}"
            if repository.shallow
            else f"the branch and {name} have no commit in common",
            state="nothing was changed",
            hint=_fetch(repository, name),
        )
    return start.strip()


def _fetch(repository: Repository, name: str | None) -> str:
    branch = (name or "main").removeprefix("origin/")
    if repository.shallow:
        return (
            f"fetch it: git fetch --unshallow origin {branch} (actions/checkout: fetch-depth: 0), "
            f"then --base origin/{branch}"
        )
    return f"fetch it (git fetch origin {branch}), or name another one with --base"
