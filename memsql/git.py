"""What git knows: the repository of a folder, its commits, and the files in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import UsageError

_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


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

    def try_to(self, *words: str) -> str | None:
        """What git answers, or None where it fails."""
        found = _git(self.root, words)
        return None if found.returncode else os.fsdecode(found.stdout)

    def commit(self, name: str) -> str | None:
        """The commit that ``name`` means, or None."""
        # A name that begins with a dash must not become an option.
        found = self.try_to("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return None if found is None else found.split()[-1]

    @property
    def shallow(self) -> bool:
        """Whether older commits were left out when this clone was made."""
        return self.ask("rev-parse", "--is-shallow-repository").strip() == "true"


def find_repository(project: Path, hint: str) -> Repository:
    """The repository that holds the folder ``project``. Raises UsageError, with ``hint``, where there is none, or no git."""
    found = _git(project, ("rev-parse", "--show-toplevel", "--show-prefix"))
    if found.returncode:
        said = _said(found)
        if "not a git repository" in said:
            raise UsageError(f"{project} is in no git repository", state="nothing was changed", hint=hint)
        raise UsageError(f"git cannot be used here: {said}", state="nothing was changed", hint=hint)
    lines = os.fsdecode(found.stdout).split("\n")
    return Repository(Path(lines[0]), lines[1])


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
            raise UsageError(
                "this clone lacks a file of the base",
                state="nothing was changed",
                hint="git fetch --refetch, or clone without --filter",
            )
        size = int(words[2])
        found[blob] = data[at : at + size]
        at += size + 1
    return found


def _git(folder: Path, words: Iterable[str]) -> subprocess.CompletedProcess[bytes]:
    return _run(folder, list(words))


def _run(folder: Path, words: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # A hook of git has variables that speak of its own folder and a temporary index.
    variables = {k: v for k, v in os.environ.items() if k not in _OF_HOOKS}
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            input=given,
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


def _said(found: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in found.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else f"exit code {found.returncode}"
