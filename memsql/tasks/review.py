"""memsql review"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memsql.tasks.every import ALL_HELP, databases, on_each
from memsql.tasks.task import FOLDER_OPTIONS, Outcome, task
from memsql.visible import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memsql.config import Settings
    from memsql.report.progress import Bar
    from memsql.review import Review

_FORMATS_BY_SUFFIX = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json", ".sarif": "sarif"}


@task(
    "review",
    reads_only=True,
    loads_extensions=False,
    help={
        "base": (
            "branch, tag or commit to compare with (default: origin/main, main, origin/master or master, "
            "whichever exists)"
        ),
        "format": "text, markdown, html (one page), json, sarif or github (annotations of GitHub Actions)",
        "output": (
            "write the report to this file; may be given more than once: .md, .html, .json and .sarif tell the format "
            "where --format does not"
        ),
        **ALL_HELP,
        "strict": "exit with 1 where something was not tried, too",
        "no-fail": "exit with 0 even where something blocks",
    },
    common=FOLDER_OPTIONS,
    iterable=["output"],
)
def review(
    settings: Settings,
    progress: Bar,
    *,
    base: str | None = None,
    format: str | None = None,
    output: list[str] | None = None,
    strict: bool = False,
    no_fail: bool = False,
    all: bool = False,
    json: bool = False,
) -> Outcome:
    """Review what changed in migrations and sql since a branch left its base, before it is merged.

    Compares with the commit where the branch left the base; what is not committed counts too. Looks at the files as
    lint does, and really runs every migration that changed, up, down and up again: on an empty database, on made-up
    rows that satisfy every constraint, and on rows that break one thing it takes for granted. Tells what could be lost,
    what gets slower, whether the way back works, whether sums, snapshot and versions are right, and whether the models
    of the setting models fit; "safe" only where everything was tried. No database of yours is asked.
    Exit codes: 0 safe, not proven, or attention needed; 1 something blocks, or with --strict was not tried;
    2 no repository, or no such base.

    Examples:  memsql review     memsql review --base origin/main --format markdown     memsql review --output review.md
    """
    from memsql import review
    from memsql.report.review import data, rendered
    from memsql.report.review_words import headline

    _refuse_format(format, json=json)
    if all:
        return _review_all(settings, base, progress, (output or [], format), strict=strict, no_fail=no_fail)
    report = review.review(settings, base, progress)
    failed = report.verdict == "blocks" or (strict and bool(report.not_tried))
    exit_code = int(failed and not no_fail)
    written = _write(report, output or [], format)
    if written and format != "github":
        return Outcome(page([*written, headline(report)]), data(report), exit_code)
    text = rendered(report, format or "text").rstrip("\n")
    return Outcome(text, data(report), exit_code, headline(report), plain=format not in (None, "text"))


def _review_all(
    settings: Settings,
    base: str | None,
    progress: Bar,
    wanted: tuple[list[str], str | None],
    *,
    strict: bool,
    no_fail: bool,
) -> Outcome:
    """Review every database of the project. ``wanted``: the files to write, and the format."""
    from memsql import review
    from memsql.errors import MemsqlError
    from memsql.project.writing import replace_file
    from memsql.report.review_all import data_all, headline_all, rendered_all

    reviews = []
    for name, report in on_each(databases(settings), lambda own: review.review(own, base, progress)):
        if isinstance(report, MemsqlError):
            report.message = f"{name}: {report.message}"
            raise report
        reviews.append((name, report))
    failed = any(r.verdict == "blocks" or (strict and bool(r.not_tried)) for _, r in reviews)
    exit_code, headline = int(failed and not no_fail), headline_all(reviews)
    files, format = wanted
    lines = []
    for file in files:
        by_name = _FORMATS_BY_SUFFIX.get(Path(file).suffix.lower(), "text")
        text = rendered_all(reviews, by_name if format in (None, "github") else format)
        replace_file(Path.cwd() / file, text, file)
        lines.append(f"wrote {file}")
    if lines and format != "github":
        return Outcome(page([*lines, headline]), data_all(reviews), exit_code)
    text = rendered_all(reviews, format or "text").rstrip("\n")
    return Outcome(text, data_all(reviews), exit_code, headline, plain=format not in (None, "text"))


def _refuse_format(format: str | None, *, json: bool) -> None:
    from memsql.errors import UsageError
    from memsql.report.review import FORMATS

    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format}: there is no such format", hint="there are: " + ", ".join(FORMATS))
    if json and format not in (None, "json"):
        raise UsageError(
            "--json and --format do not go together", hint="write the other format to a file with --output"
        )


def _write(report: Review, files: Sequence[str], format: str | None) -> list[str]:
    """Write ``report`` to each of ``files``, and return a line about each."""
    from memsql.project.writing import replace_file
    from memsql.report.review import rendered

    lines = []
    for file in files:
        by_name = _FORMATS_BY_SUFFIX.get(Path(file).suffix.lower(), "text")
        replace_file(Path.cwd() / file, rendered(report, by_name if format in (None, "github") else format), file)
        lines.append(f"wrote {file}")
    return lines
