"""Reading git: the repository of a folder, its commits, and the files in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memsql.errors import UsageError

# A hook of git has these; they name its own repository and a temporary index.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


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
