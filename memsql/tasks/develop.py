"""invoke test, invoke benchmark: for those who work on the project itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from invoke import Context, task
from invoke.exceptions import Exit

from memsql.tasks.program.bare_words import BareWords, MemsqlTask


@task(
    klass=MemsqlTask,
    help={
        "only": "pass this expression to pytest -k, and run nothing else",
        "fast": "skip linters and type checks",
        "newest": "run the tests alone, with the Python and the SQLite of Debian sid: see tests/helpers/newest.py",
    },
)
def test(c: Context, only: str | None = None, fast: bool = False, newest: bool = False) -> None:
    """Run the tests, the linters and the type checks of the project in this folder.

    Everything runs even when something fails; the exit code is 1 then. Needs: pip install -e '.[dev]'
    """
    arguments = ["-n", "auto", "--dist", "worksteal", *(["-k", only] if only else [])]
    commands = [["tests.helpers.newest", *arguments]] if newest else [["pytest", *arguments]]
    if not (only or fast or newest):
        commands += [["ruff", "check", "."], ["mypy"], ["importlinter.cli", "lint"]]
    failed = [words[0] for words in commands if not _succeeds(words)]
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    bare_words=BareWords("--name"),
    help={
        "name": "a module of benchmarks/, such as migrations, server or splitting",
        "rounds": "how often to repeat; medians are printed",
    },
)
def benchmark(c: Context, name: str = "migrations", rounds: str = "3") -> None:
    """Run a benchmark of this project and print its ratios beside their targets.

    Example:  invoke benchmark migrations --rounds 5
    """
    names = sorted(p.stem for p in Path("benchmarks").glob("[a-z]*.py") if p.stem not in ("common", "delay"))
    if name not in names:
        print(f"error: no benchmark {name!r}; there are: {', '.join(names) or 'none in this folder'}", file=sys.stderr)
        raise Exit(code=2)
    if not _succeeds([f"benchmarks.{name}", rounds]):
        raise Exit(code=1)


def _succeeds(words: list[str]) -> bool:
    print("$ python -m " + " ".join(words), flush=True)
    return subprocess.run([sys.executable, "-m", *words], check=False).returncode == 0
