"""invoke review"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Context, task

from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.review import Review

_HELP = {
    "base": "branch, tag or commit to compare with (default: origin/main, main, origin/master or master, whichever exists)",
    "format": "text, markdown, json, sarif or github (annotations of GitHub Actions)",
    "output": "write the report to this file; may be given more than once: .md, .json and .sarif tell the format where --format does not",
    "no_fail": "exit with 0 even where something blocks",
    "project": COMMON_HELP["project"],
    "json": COMMON_HELP["json"],
}
_SUFFIXES = {".md": "markdown", ".json": "json", ".sarif": "sarif"}


@task(help=_HELP, iterable=["output"], auto_shortflags=False)
def review(
    c: Context,
    base: str | None = None,
    format: str | None = None,
    output: list[str] | None = None,
    no_fail: bool = False,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Review what changed in migrations and sql since a branch left its base, before it is merged.

    Compares with the commit where the branch left the base; what is not committed counts too. Looks at the files as lint
    does, and really runs every migration that changed, up, down and up again: on an empty database, on made-up rows that
    satisfy every constraint, and on rows that break one thing it takes for granted. Tells what could be lost, what gets
    slower, whether the way back works, and whether sums, snapshot and versions are right. No database of yours is asked.
    Exit codes: 0 safe, or attention needed; 1 something blocks; 2 no repository, or no such base.

    Examples:  memsql review     memsql review --base origin/main --format markdown     memsql review --output review.md
    """

    def work(settings: Settings) -> Outcome:
        from memsql.errors import UsageError
        from memsql.report import review as report
        from memsql.report.progress import Bar
        from memsql.report.review_words import headline
        from memsql.review import review as look

        if format is not None and format not in report.FORMATS:
            raise UsageError(
                f"--format {format}: there is no such format", hint="there are: " + ", ".join(report.FORMATS)
            )
        if json and format not in (None, "json"):
            raise UsageError(
                "--json and --format do not go together", hint="write the other format to a file with --output"
            )
        with Bar() as bar:
            found = look(settings, base, bar.start)
        code = int(found.verdict == "blocks" and not no_fail)
        lines = _write(found, output or [], format)
        if lines and format != "github":
            return Outcome("\n".join([*lines, headline(found)]), report.data(found), code)
        if format == "json":
            return Outcome(
                report.rendered(found, "json").rstrip("\n"),
                report.data(found),
                code,
                headline(found),
                plain=True,
            )
        chosen = format or "text"
        return Outcome(
            report.rendered(found, chosen).rstrip("\n"),
            report.data(found),
            code,
            headline(found),
            chosen != "text",
        )

    run("review", Options(project, None, None, json), work)


def _write(found: Review, files: list[str], format: str | None) -> list[str]:
    from pathlib import Path

    from memsql.project.files import replace_file
    from memsql.report import review as report

    lines = []
    for file in files:
        by_name = _SUFFIXES.get(Path(file).suffix.lower(), "text")
        text = report.rendered(found, by_name if format in (None, "github") else format)
        replace_file(Path.cwd() / file, text, file)
        lines.append(f"wrote {file}")
    return lines
