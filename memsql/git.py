"""Reading git: the repository of a folder, its commits, the files in them, and where a branch left its base."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import UsageError

# A hook of git has these; they name its own repository and a temporary index.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")

_DEFAULTS = ("origin/main", "main", "origin/master", "master")


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree: ``root`` is its top folder, ``prefix`` the path of the project in it ("" or "db/")."""

    root: Path
    prefix: str

    def run(self, *words: str) -> str:
        """The output of ``git WORDS``. Raises UsageError with git's own message where it fails."""
        done = _git(self.root, words)
        if done.returncode:
            raise UsageError(f"git {words[0]} failed: {_message(done)}", state="nothing was changed")
        return os.fsdecode(done.stdout)

    def try_run(self, *words: str) -> str | None:
        """The output of ``git WORDS``, or None where it fails."""
        done = _git(self.root, words)
        return None if done.returncode else os.fsdecode(done.stdout)

    def commit(self, name: str) -> str | None:
        """The hash of the commit that ``name`` stands for, or None."""
        # --end-of-options: a name that begins with a dash is no option.
        output = self.try_run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return None if output is None else output.split()[-1]

    @property
    def shallow(self) -> bool:
        """Whether older commits were left out when this clone was made."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == "true"


@dataclass(frozen=True, slots=True)
class Base:
    """What a change is compared with: ``name`` as people know it, ``tip`` its newest commit, ``start`` the commit
    where the branch left it."""

    name: str
    tip: str
    start: str


def find_repository(project: Path, hint: str) -> Repository:
    """The repository that holds the folder ``project``. Raises UsageError with ``hint`` where there is no repository,
    or no git."""
    done = _git(project, ("rev-parse", "--show-toplevel", "--show-prefix"))
    if done.returncode:
        message = _message(done)
        if "not a git repository" in message:
            raise UsageError(f"{project} is in no git repository", state="nothing was changed", hint=hint)
        raise UsageError(f"git cannot be used here: {message}", state="nothing was changed", hint=hint)
    lines = os.fsdecode(done.stdout).split("\n")
    return Repository(Path(lines[0]), lines[1])


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


def files_in(repository: Repository, commit: str, folder: str) -> dict[str, str]:
    """The files below ``folder`` in a commit: the hash of the content (the blob) by the path in the repository. Empty
    where the commit has no such folder."""
    output = repository.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", folder)
    # Each entry is "MODE TYPE HASH<tab>PATH".
    entries = (entry.partition("\t") for entry in output.split("\0") if entry)
    return {path: fields.split()[2] for fields, _, path in entries if fields.split()[1] == "blob"}


def contents(repository: Repository, blobs: Iterable[str]) -> dict[str, bytes]:
    """The bytes of each of ``blobs``, by its hash; one run of git. Raises UsageError where this clone lacks one."""
    names = sorted(set(blobs))
    if not names:
        return {}
    done = _run(repository.root, ["cat-file", "--batch"], "".join(f"{blob}\n" for blob in names).encode())
    if done.returncode:
        raise UsageError(f"git cat-file failed: {_message(done)}", state="nothing was changed")
    contents_by_blob, data, at = {}, done.stdout, 0
    for blob in names:
        # "HASH TYPE SIZE", a line end, the bytes, a line end.
        end = data.index(b"\n", at)
        words = data[at:end].split()
        at = end + 1
        if len(words) != 3:
            # "HASH missing": a partial clone that does not reach its server.
            raise UsageError(
                "this clone lacks a file of the base",
                state="nothing was changed",
                hint="git fetch --refetch, or clone without --filter",
            )
        size = int(words[2])
        contents_by_blob[blob] = data[at : at + size]
        at += size + 1
    return contents_by_blob


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


def _git(folder: Path, words: Iterable[str]) -> subprocess.CompletedProcess[bytes]:
    return _run(folder, list(words))


def _run(folder: Path, words: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    variables = {k: v for k, v in os.environ.items() if k not in _HOOK_VARIABLES}
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            input=stdin,
            capture_output=True,
            check=False,
            env={**variables, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except FileNotFoundError:
        raise UsageError(
            "git is not installed", state="nothing was changed", hint="install it, or compare without commits"
        ) from None
    except OSError as e:
        raise UsageError(f"git cannot be run: {e.strerror}", state="nothing was changed") from None


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else f"exit code {done.returncode}"
