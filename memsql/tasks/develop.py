"""memsql test, benchmark, campaign, fuzz, mutants and docs: for those who work on the project itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from invoke import Context, Exit, task

from memsql.tasks.command_line import MemsqlTask

_PROCESSORS = os.cpu_count() or 1


@task(
    klass=MemsqlTask,
    audience="developers",
    help={
        "only": "pass this expression to pytest -k, and run nothing else",
        "fast": "run nothing but the tests that need no server, kill no process and are not slow: they take a minute",
        "thorough": "try everything that the other runs try a share of: an hour, see tests/helpers/extent.py",
        "newest": "run the tests alone, with the Python and the SQLite of Debian sid: see tests/helpers/newest.py",
    },
)
def test(
    c: Context, *, only: str | None = None, fast: bool = False, thorough: bool = False, newest: bool = False
) -> None:
    """Run the tests, the linters and the type checks of the project in this folder.

    Everything runs even when something fails; the exit code is 1 then. Where all tests run, the last line says how much
    of memsql they ran, or at least how much: by default a share of them is measured. Less than setup.cfg demands
    is a failure. Needs: pip install -e '.[dev]'
    """
    if fast + thorough + newest > 1:
        print("error: --fast, --thorough and --newest do not go together: leave all but one out", file=sys.stderr)
        raise Exit(code=2)
    if thorough:
        # For every process that is started from here.
        os.environ["TESTS_EXTENT"] = "thorough"
    # Tests with servers wait for them and for locks: one worker more than there are processors keeps these busy.
    workers = _PROCESSORS if fast else _PROCESSORS + 1
    arguments = ["-n", str(workers), "--dist", "worksteal", *(["-k", only] if only else [])]
    if fast:
        arguments += ["-m", "not server and not kill and not slow"]
    if newest:
        failed = _failed([["tests.helpers.newest", *arguments]])
    elif only or fast:
        failed = _failed([["pytest", *arguments]])
    else:
        failed = [] if _succeeds_with_coverage(arguments) else ["pytest"]
        failed += _failed(
            [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["importlinter.cli", "lint"]]
        )
        is_enough, figure = _coverage_figure()
        print(f"coverage: {figure}")
        failed += [] if is_enough else ["coverage"]
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    audience="developers",
    bare_word="--name",
    help={
        "name": "a module of benchmarks/, such as migrations, server or splitting",
        "rounds": "how often to repeat; medians are printed",
    },
)
def benchmark(c: Context, name: str = "migrations", rounds: str = "3") -> None:
    """Run a benchmark of this project and print its ratios beside their targets.

    Example:  memsql benchmark migrations --rounds 5
    """
    others = ("common", "delay", "scale_plots", "workloads")
    names = sorted(p.stem for p in Path("benchmarks").glob("[a-z]*.py") if p.stem not in others)
    if name not in names:
        print(f"error: no benchmark {name!r}; there are: {', '.join(names) or 'none in this folder'}", file=sys.stderr)
        raise Exit(code=2)
    if not _succeeds([f"benchmarks.{name}", rounds]):
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    audience="developers",
    bare_word="--name",
    help={
        "name": "which campaign, such as files; docs/campaigns.md has them all",
        "points": "how many points to try, spread over commands and faults (default: every one, for hours)",
        "seed": "of what is drawn by lot: with the same one the same points are tried",
        "command": "try this command alone, such as migrate.up",
        "only": "try this kind of fault alone, such as kill",
        "mode": "try it under these circumstances alone, such as wal,file",
        "point": "try this one point again, as the list of the failures names it",
        "record": "write a line of JSON for each point into this file (default: build/campaign-NAME.jsonl)",
        "workers": "how many processes try points (default: one for each processor)",
    },
)
def campaign(
    c: Context,
    name: str,
    *,
    points: str | None = None,
    seed: str | None = None,
    command: str | None = None,
    only: str | None = None,
    mode: str | None = None,
    point: str | None = None,
    record: str | None = None,
    workers: str | None = None,
) -> None:
    """Try to break databases with faults at every place of the commands, and judge what each leaves.

    The exit code is 1 where a fault did harm; each is listed with the command that tries it again.

    Example:  memsql campaign files --points 500 --only kill
    """
    options = {
        "points": points,
        "seed": seed,
        "command": command,
        "only": only,
        "mode": mode,
        "point": point,
        "record": record,
        "workers": workers,
    }
    words = [word for option, value in options.items() if value is not None for word in (f"--{option}", value)]
    if not _succeeds(["tests.campaigns", name, *words]):
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    audience="developers",
    bare_word="--name",
    help={
        "name": "which target, such as splitter (default: all of them, one after the other); docs/fuzzing.md has them",
        "seconds": "for how long to run each of them (default: 60)",
    },
)
def fuzz(c: Context, name: str | None = None, seconds: str | None = None) -> None:
    """Look for inputs that break what the readers of files and answers promise.

    The exit code is 1 where one was found; it is kept in tests/fuzz/corpus, for the tests. Needs:
    pip install -e '.[dev,fuzz]'

    Example:  memsql fuzz splitter --seconds 600
    """
    words = [*([name] if name else []), *(["--seconds", seconds] if seconds else [])]
    if not _succeeds(["tests.fuzz.coverage_guided", *words]):
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    audience="developers",
    help={
        "serve": "show the site at http://127.0.0.1:8000, and build it anew whenever a page changes",
        "port": "with --serve: another port than 8000",
    },
)
def docs(c: Context, *, serve: bool = False, port: str = "8000") -> None:
    """Build the documentation site into build/site; a warning, such as a dead link, is a failure.

    Needs: pip install -e '.[docs]'
    """
    # What the theme would print about its future: docs/decisions.md has it.
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    words = ["serve", "--dev-addr", f"127.0.0.1:{port}"] if serve else ["build"]
    # With --quiet mkdocs does not count the warnings that are to be failures.
    if not _succeeds(["mkdocs", *words, "--strict"], **quiet):
        raise Exit(code=1)


@task(
    klass=MemsqlTask,
    audience="developers",
    bare_word="--path",
    help={
        "path": "a module of memsql, such as memsql/engine/verdict.py, or a folder",
        "workers": "how many mutants are tried at once (default: one for each processor)",
    },
)
def mutants(c: Context, path: str, workers: str | None = None) -> None:
    """Change the decisions of a module, one at a time, and list the changes that no quick test notices.

    The exit code is 1 where there is such a change; docs/mutation.md says what to do with it. Needs:
    pip install -e '.[dev,mutation]'

    Example:  memsql mutants memsql/engine/verdict.py
    """
    words = [path, *(["--workers", workers] if workers else [])]
    if not _succeeds(["tests.mutation", *words]):
        raise Exit(code=1)


def _succeeds_with_coverage(arguments: list[str]) -> bool:
    """Run pytest and measure which lines of memsql it runs. The data is left in .coverage, for ``coverage html``."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="memsql-coverage-") as folder:
        succeeded = _succeeds(["coverage", "run", "-m", "pytest", *arguments], COVERAGE_FILE=f"{folder}/.coverage")
        _succeeds(["coverage", "combine", "--quiet", folder])
    return succeeded


def _coverage_figure() -> tuple[bool, str]:
    """Whether the percentage of lines that .coverage says were run is enough, and the percentage or why there is none.

    What is enough is ``fail_under`` in setup.cfg.
    """
    words = [sys.executable, "-m", "coverage", "report", "--format=total", "--precision=1"]
    report = subprocess.run(words, check=False, capture_output=True, text=True)
    # Below fail_under the exit code is 2, and a sentence follows the figure: on stdout, or in older versions on stderr.
    figure, _, remark = report.stdout.strip().partition("\n")
    shown = f"{figure} % of the lines of memsql" if figure.replace(".", "").isdigit() else ""
    return report.returncode == 0, "; ".join(filter(None, [shown, remark.strip(), report.stderr.strip()]))


def _failed(commands: list[list[str]]) -> list[str]:
    """Run ``commands``, Python modules with their arguments, and return the modules of those that failed."""
    return [words[0] for words in commands if not _succeeds(words)]


def _succeeds(words: list[str], **variables: str) -> bool:
    """Run the Python module ``words[0]`` with the other words as arguments and ``variables`` in its environment."""
    print("$ python -m " + " ".join(words), flush=True)
    environment = {**os.environ, **variables}
    # The tests start the command thousands of times. Without .pyc files each start would compile memsql.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([sys.executable, "-m", *words], check=False, env=environment).returncode == 0
