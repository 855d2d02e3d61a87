"""What git knows: the commit a branch began at, which files changed since, and what they held."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import UsageError

_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_DEFAULTS = ("origin/main", "main", "origin/master", "master")


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree: ``root`` is its top folder, ``prefix`` the path of the project in it ("" or "db/")."""

    root: Path
    prefix: str

    def ask(self, *words: str) -> str:
        """What git answers. Raises UsageError with git's own words where it fails."""
        found = _git(self.root, words)
        if found.returncode:
            raise UsageError(f"git {words[0]} failed: {_said(found)}", state="nothing was changed")
        return os.fsdecode(found.stdout)

    def commit(self, name: str) -> str | None:
        """The commit that ``name`` means, or None."""
        found = _git(self.root, ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
        return os.fsdecode(found.stdout).strip() if not found.returncode else None

    @property
    def shallow(self) -> bool:
        """Whether older commits were left out when this clone was made."""
        return self.ask("rev-parse", "--is-shallow-repository").strip() == "true"


@dataclass(frozen=True, slots=True)
class Base:
    """What a change is compared with: ``name`` as people know it, ``tip`` its newest commit, ``start`` the commit where the
    branch left it."""

    name: str
    tip: str
    start: str


def find_repository(project: Path) -> Repository:
    """The repository that holds the folder ``project``. Raises UsageError where there is none, or no git."""
    found = _git(project, ("rev-parse", "--show-toplevel", "--show-prefix"))
    if found.returncode:
        said = _said(found)
        if "not a git repository" in said:
            raise UsageError(f"{project} is in no git repository, so there is nothing to compare with", state="nothing was changed",
                             hint="a review compares with a base branch; run it in a clone, or use: memsql lint")
        raise UsageError(f"git cannot be used here: {said}", state="nothing was changed")
    lines = os.fsdecode(found.stdout).split("\n")
    return Repository(Path(lines[0]), lines[1])


def find_base(repository: Repository, name: str | None) -> Base:
    """The base called ``name``, or the first of origin/main, main, origin/master and master that exists.

    Raises UsageError where it does not exist, and where this clone does not hold the commit at which the branches part.
    """
    if repository.commit("HEAD") is None:
        raise UsageError("this repository has no commit yet, so there is nothing to compare with", state="nothing was changed",
                         hint="commit what exists, then change it")
    names = (name,) if name is not None else _DEFAULTS
    for one in names:
        tip = repository.commit(one)
        if tip is not None:
            return Base(one, tip, _start(repository, one, tip))
    shown = name or "any of " + ", ".join(_DEFAULTS)
    raise UsageError(f"there is no commit {shown} in this clone", state="nothing was changed", hint=_fetch(repository, name))


def changed_paths(repository: Repository, base: Base, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` (as the repository spells them) that differ from the base or are not in it, committed or not."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    changed = repository.ask("-c", "core.fsmonitor=false", "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", base.start, *where)
    found = set(changed.split("\0")) | set(untracked_paths(repository, folders))
    return sorted(found - {""})


def untracked_paths(repository: Repository, folders: Iterable[str]) -> list[str]:
    """The paths below ``folders`` that git does not know yet and does not ignore."""
    where = ["--", *(f":(literal){folder}" for folder in folders)]
    return sorted(set(repository.ask("ls-files", "--others", "--exclude-standard", "-z", *where).split("\0")) - {""})


def files_in(repository: Repository, commit: str, folder: str) -> dict[str, str]:
    """The files below ``folder`` in a commit: path in the repository to the name of the content, empty where it has none."""
    listed = repository.ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", folder)
    entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
    return {path: about.split()[2] for about, _, path in entries if about.split()[1] == "blob"}


def contents(repository: Repository, blobs: Iterable[str]) -> dict[str, bytes]:
    """The bytes of these contents, all in one question."""
    wanted = sorted(set(blobs))
    if not wanted:
        return {}
    answer = _run(repository.root, ["cat-file", "--batch"], "".join(f"{blob}\n" for blob in wanted).encode())
    if answer.returncode:
        raise UsageError(f"git cat-file failed: {_said(answer)}", state="nothing was changed")
    found, data, at = {}, answer.stdout, 0
    for blob in wanted:
        end = data.index(b"\n", at)
        words = data[at:end].split()
        at = end + 1
        if len(words) != 3:
            # A partial clone without its server.
            raise UsageError("this clone lacks a file of the base", state="nothing was changed", hint="git fetch --refetch, or clone without --filter")
        size = int(words[2])
        found[blob] = data[at:at + size]
        at += size + 1
    return found


def _start(repository: Repository, name: str, tip: str) -> str:
    found = _git(repository.root, ("merge-base", tip, "HEAD"))
    if found.returncode:
        raise UsageError(
            f"this clone does not hold the commit where the branch left {name}" if repository.shallow
            else f"the branch and {name} have no commit in common",
            state="nothing was changed", hint=_fetch(repository, name))
    return os.fsdecode(found.stdout).strip()


def _fetch(repository: Repository, name: str | None) -> str:
    branch = (name or "main").removeprefix("origin/")
    if repository.shallow:
        return f"fetch it: git fetch --unshallow origin {branch} (actions/checkout: fetch-depth: 0), then --base origin/{branch}"
    return f"fetch it (git fetch origin {branch}), or name another one with --base"


def _git(folder: Path, words: Iterable[str]) -> subprocess.CompletedProcess[bytes]:
    return _run(folder, list(words))


def _run(folder: Path, words: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # A hook of git has variables that speak of its own folder and a temporary index.
    variables = {k: v for k, v in os.environ.items() if k not in _OF_HOOKS}
    try:
        return subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=False,
                              env={**variables, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"})
    except FileNotFoundError:
        raise UsageError("there is no git command on this machine", state="nothing was changed",
                         hint="install git; a review compares with a base branch") from None
    except OSError as e:
        raise UsageError(f"git cannot be run: {e.strerror}", state="nothing was changed") from None


def _said(found: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in found.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else f"exit code {found.returncode}"
