"""invoke lint"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Context, task

from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run
from memsql.tasks.program.bare_words import BareWords, MemsqlTask

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.lint import Finding

_HELP = {
    "fix": "repair what sqlfluff can repair of the house style; safety rules are for people to decide",
    "strict": "exit with 1 for warnings too",
    "path": "a file or folder; may be given more than once (default: migrations and sql)",
    "write_docs": "write the chapter on rules of docs/review.md anew, and do nothing else",
    "project": COMMON_HELP["project"],
    "json": COMMON_HELP["json"],
}


@task(
    klass=MemsqlTask,
    bare_words=BareWords("--path", paths=True),
    help=_HELP,
    iterable=["path"],
    auto_shortflags=False,
)
def lint(
    c: Context,
    path: list[str] | None = None,
    fix: bool = False,
    strict: bool = False,
    write_docs: bool = False,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Look for mistakes in migrations, rollbacks, checks and queries, without a database.

    Safety rules MS01 to MS31 (docs/review.md explains each) look at what a file does to data: an error blocks, a warning needs
    attention. `-- allow: MS07 reason` in the header of a file permits what is meant. Where sqlfluff is installed
    (pip install 'memsql-migrate[lint]') its rules check the house style, as warnings.
    Exit codes: 0 fine, or warnings only; 1 errors (with --strict, warnings too).

    Examples:  memsql lint     memsql lint --fix migrations/0005_add_notes.sql     invoke lint -- sql/queries
    """

    def work(settings: Settings) -> Outcome:
        if write_docs:
            return _write_docs(settings)
        from memsql.lint import sql_files
        from memsql.report import lint as report

        files = sql_files(settings, _paths(path or [], c.remainder))
        findings, fixed, notes = _look(settings, files, fix=fix)
        bad = {"error", "warning"} if strict else {"error"}
        return Outcome(
            report.text(findings, len(files), fixed, notes),
            report.data(findings, len(files), fixed, notes),
            int(any(f.severity in bad for f in findings)),
        )

    run("lint", Options(project, None, None, json), work)


def _look(settings: Settings, files: list[Path], *, fix: bool) -> tuple[list[Finding], list[str], list[str]]:
    from memsql.errors import FileError
    from memsql.lint import lint_files, style
    from memsql.project.files import read_file

    notes, fixed, styled = [], [], []
    if style.installed():
        linter = style.Style(settings)
        for file in files:
            try:
                text = read_file(file, settings.show(file)).text()
            except FileError:
                continue  # lint_files says so.
            found = linter.lint(file, text, fix=fix)
            if found.fixed is not None:
                _replace(file, found.fixed, settings.show(file))
                fixed.append(settings.show(file))
                found = linter.lint(file, found.fixed)
            styled.append(found)
        if any(Path(settings.root / f).parent == settings.migrations for f in fixed):
            notes.append(
                "migrations were repaired; stamp them anew with: invoke migrate.sum. One that is applied somewhere counts as edited there"
            )
    else:
        notes.append(
            "the house style was not checked: sqlfluff is not installed (pip install 'memsql-migrate[lint]')"
            + ("; nothing was repaired" if fix else "")
        )
    findings = lint_files(settings, files)
    wrong = {(f.path, line) for f in findings if f.rule == "MS30" for line in range(f.line, f.end_line + 1)}
    for found in styled:
        findings += found.findings
        # What SQLite cannot read either is told as MS30.
        findings += [f for f in found.unread if (f.path, f.line) not in wrong]
    order = {settings.show(file): place for place, file in enumerate(files)}
    findings.sort(key=lambda f: (order.get(f.path, -1), f.line, f.column, f.rule))
    return findings, fixed, notes


def _replace(file: Path, text: str, shown: str) -> None:
    """Write the repaired text with the line ends and the byte-order mark that the file had."""
    from memsql.project.files import replace_file

    raw = file.read_bytes()
    if b"\r\n" in raw:
        text = text.replace("\n", "\r\n")
    replace_file(file, ("\ufeff" if raw.startswith(b"\xef\xbb\xbf") else "") + text, shown)


def _paths(given: list[str], remainder: str) -> list[Path]:
    """The paths of --path and those behind ``--``, which Invoke hands over as one text."""
    try:
        words = [remainder] if remainder and os.path.exists(remainder) else shlex.split(remainder)
    except ValueError:
        # An apostrophe in a name.
        words = remainder.split()
    return [Path.cwd() / word for word in [*given, *words]]


def _write_docs(settings: Settings) -> Outcome:
    from memsql.lint import RULES
    from memsql.lint.document import with_chapter
    from memsql.project.files import replace_file

    page = settings.root / "docs" / "review.md"
    page.parent.mkdir(exist_ok=True)
    old = page.read_text(encoding="utf-8") if page.is_file() else "# SQL review\n"
    replace_file(page, with_chapter(old, RULES), settings.show(page))
    return Outcome(f"wrote {settings.show(page)}", {"file": settings.show(page)})
