"""memsql bench.queries"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.tasks.task import PROJECT_OPTIONS, Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_MOST_ROUNDS = 100_000
MOST_SECONDS = 86_400
"""The largest budget."""
LARGEST = 100_000
"""The largest scale, and the largest number of owners."""


@task(
    "bench.queries",
    common=PROJECT_OPTIONS,
    reads_only=True,
    help={
        "scale": "how many times the rows of scale 1, with commas between several (default 1,10)",
        "owners": "among how many owners they are divided; :owners in sql/bench (default 10)",
        "from": "the version before, or an era of sql/legacy (default: the version below --to)",
        "to": "the version after (default: the newest one)",
        "rounds": "how often to run each query on each database, warm and cold (default 50)",
        "budget": "seconds that all of it may take (default 120)",
        "server": "measure the databases behind libSQL servers that are started for it, instead of as files",
        "html": "write a page with charts to this file too",
    },
)
def queries(
    settings: Settings,
    progress: Bar,
    *,
    scale: str = "1,10",
    owners: str = "10",
    from_: str | None = None,
    to: str | None = None,
    rounds: str = "50",
    budget: str = "120",
    server: bool = False,
    html: str | None = None,
) -> Outcome:
    """Time the hot queries before and after migrations, on databases of several sizes that are made for it.

    For each scale a file at the version --from gets the rows of sql/bench (made-up rows where the project has none), is
    copied, and the copy is migrated to --to. Each query runs on both in turn, so that what slows the machine slows
    both: warm on an open connection, and cold on a new one, after the system was asked to forget the file. p50, p95 and
    p99 of each side, the rows that a run reads, and the median ratio of the pairs with its quartiles. With --server two
    libSQL servers of this machine serve the files, and count the rows. Everything lies in the temporary folder, and is
    removed; no database of yours is looked at. It takes about --budget seconds.

    Examples:  memsql bench.queries --from 1 --to 2 --scale 1,10,100     memsql bench.queries --server --html bench.html
    """
    from memsql.advise import bench, bench_opened
    from memsql.advise.bench_databases import Scale
    from memsql.report import bench as report

    people = number("--owners", owners, least=1, most=LARGEST, problem=f"give a number from 1 to {LARGEST:,}")
    scales = tuple(Scale(factor, people) for factor in sizes("--scale", scale, LARGEST))
    times = number("--rounds", rounds, least=1, most=_MOST_ROUNDS, problem="give a number of runs, 1 or more")
    seconds = number("--budget", budget, least=1, most=MOST_SECONDS, problem="give a number of seconds, 1 or more")
    file = page_file(html)
    versions = _versions(settings, from_, to)
    if versions is None:
        nothing = "nothing was measured: two versions are compared, and the project has no two migrations yet"
        return Outcome(nothing, {"from": None, "to": None, "scales": []}, headline=nothing)
    program = bench_opened.server_program() if server else None
    result = bench.bench(settings, bench.Plan(*versions, scales, times, float(seconds), program), progress)
    text, data = report.text(result), report.data(result)
    if file is not None:
        from memsql.report import bench_page

        text += file.write(bench_page.html(result))
        data["file"] = file.name
    return Outcome(text, data, headline=report.verdict(result))


def _versions(settings: Settings, from_: str | None, to: str | None) -> tuple[int | str, int] | None:
    """The version or era before, and the version after; None where nobody names one and the project has no two
    versions. Raises UsageError for one that does not fit."""
    from memsql.advise.bench_databases import is_era, version_of
    from memsql.errors import UsageError
    from memsql.project.load import load_project

    project = load_project(settings)
    versions = [migration.version for migration in project.ordered]
    if len(versions) < 2 and from_ is None and to is None:
        return None
    if to is None and versions:
        after = versions[-1]
    else:
        after = version_of(project, to or from_ or "")
    if from_ is not None and is_era(settings, from_):
        return from_, after
    earlier = versions[: versions.index(after)]
    if not earlier:
        where = f"--to {after}: no version" if to is not None else f"there is one version, {after}: none"
        raise UsageError(f"{where} comes before it", state="nothing was run")
    before = earlier[-1] if from_ is None else version_of(project, from_)
    if before not in earlier:
        raise UsageError(f"--from {before} does not come before --to {after}", state="nothing was run")
    return before, after


def sizes(option: str, text: str, most: int) -> list[int]:
    """The numbers of ``text``, such as ``1,10,100``, in ascending order. Raises UsageError for anything else."""
    problem = f"give numbers from 1 to {most:,} with commas between them"
    return sorted({number(option, part.strip(), least=1, most=most, problem=problem) for part in text.split(",")})


@dataclass(frozen=True, slots=True)
class PageFile:
    """The file of --html, by the name that was typed."""

    name: str

    def write(self, page: str) -> str:
        """Write it, and return the line about it for people."""
        from memsql.project.writing import replace_file

        replace_file(Path.cwd() / self.name, page, self.name)
        return f"\nwrote {self.name}"


def page_file(name: str | None) -> PageFile | None:
    """The file of the option --html. Raises UsageError, before anything runs, where its folder is not there."""
    if name is not None and not (Path.cwd() / name).parent.is_dir():
        from memsql.errors import UsageError

        raise UsageError(f"--html {name}: there is no such folder", state="nothing was run")
    return None if name is None else PageFile(name)
