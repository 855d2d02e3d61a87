"""memsql lint"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memsql import hints
from memsql.storage import regular
from memsql.tasks.every import ALL_HELP, for_all
from memsql.tasks.task import FOLDER_OPTIONS, Outcome, task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memsql.config import Settings
    from memsql.errors import FileError
    from memsql.lint import Finding
    from memsql.lint.style import Styled
    from memsql.report.progress import Bar


@task(
    "lint",
    loads_extensions=False,
    help={
        "fix": "repair what sqlfluff can repair of the house style; safety rules are for people to decide",
        "strict": "exit with 1 for warnings too",
        "path": "a file or folder; may be given more than once (default: migrations and sql)",
        **ALL_HELP,
        "write-docs": "write the chapter on rules of docs/review.md anew, and do nothing else",
    },
    common=FOLDER_OPTIONS,
    iterable=["path"],
    bare_paths="--path",
)
def lint(
    settings: Settings,
    progress: Bar,
    *,
    path: list[str] | None = None,
    fix: bool = False,
    strict: bool = False,
    all: bool = False,
    write_docs: bool = False,
) -> Outcome:
    """Look for mistakes in migrations, rollbacks, checks and queries, without a database.

    Safety rules MS01 to MS34 (docs/review.md explains each) look at what a file does to data: an error blocks, a
    warning needs attention, an info only tells. `-- allow: MS07 reason` in the header of a file permits what is meant.
    Where sqlfluff is installed (pip install 'memsql-migrate[lint]') its rules check the house style, as warnings.
    Exit codes: 0 fine, or warnings only; 1 errors (with --strict, warnings too).

    Examples:  memsql lint     memsql lint --fix migrations/0005_add_notes.sql     memsql lint -- sql/queries
    """
    if write_docs:
        return _write_docs(settings)
    if all:
        from memsql.errors import UsageError

        if path:
            raise UsageError("--all and --path do not go together: the one is all files", state="nothing was changed")
        return for_all(settings, lambda own: _lint(own, None, fix=fix, strict=strict))
    return _lint(settings, path, fix=fix, strict=strict)


def _lint(settings: Settings, path: list[str] | None, *, fix: bool, strict: bool) -> Outcome:
    """Lint the files ``path``, or all of them."""
    from memsql.lint import lint_files, sql_files
    from memsql.report.lint import data, text

    files = sql_files(settings, [Path.cwd() / name for name in path or []])
    # First, because sqlfluff starts a thread, which makes it slower to start a process.
    before = [] if fix else lint_files(settings, files)
    styled, repaired, notes, unread = _style(settings, files, fix=fix)
    findings = _merged(settings, files, lint_files(settings, files) if fix else before, styled)
    _refuse_unread(unread, findings, repaired)
    blocking = {"error", "warning"} if strict else {"error"}
    return Outcome(
        text(findings, len(files), repaired, notes),
        data(findings, len(files), repaired, notes),
        int(any(finding.severity in blocking for finding in findings)),
    )


def _refuse_unread(unread: Mapping[str, FileError], findings: Sequence[Finding], repaired: Sequence[str]) -> None:
    """Raise the error of a file that sqlfluff did not get to see, unless a finding says that it cannot be read: a disk
    may give it to one reader and not to the next."""
    said = {finding.path for finding in findings if finding.severity == "error"}
    for path, problem in unread.items():
        if path not in said:
            problem.state = f"repaired: {', '.join(repaired)}" if repaired else "nothing was changed"
            raise problem


def _style(
    settings: Settings, files: Sequence[Path], *, fix: bool
) -> tuple[list[Styled], list[str], list[str], dict[str, FileError]]:
    """Return what sqlfluff says of each file, the files that it repaired, notes about both, and the errors of those
    that could not be read."""
    from memsql.errors import FileError
    from memsql.lint import style
    from memsql.project.files import read_file

    if not style.installed():
        note = "the house style was not checked: sqlfluff is not installed (pip install 'memsql-migrate[lint]')"
        return [], [], [note + ("; nothing was repaired" if fix else "")], {}
    linter = style.Style(settings)
    results: list[Styled] = []
    repaired: list[Path] = []
    unread: dict[str, FileError] = {}
    for file in files:
        try:
            text = read_file(file, settings.show(file)).text()
        except FileError as e:
            unread[settings.show(file)] = e
            continue
        result = linter.lint(file, text, fix=fix)
        if result.fixed is not None:
            _replace(file, result.fixed, settings.show(file))
            repaired.append(file)
            result = linter.lint(file, result.fixed)
        results.append(result)
    notes = []
    if any(Path(settings.root / settings.show(file)).parent == settings.migrations for file in repaired):
        notes.append(
            f"migrations were repaired; stamp them anew with: {hints.command('migrate.sum')}. "
            "One that is applied somewhere counts as edited there"
        )
    return results, [settings.show(file) for file in repaired], notes, unread


def _merged(
    settings: Settings, files: Sequence[Path], findings: Sequence[Finding], styled: Sequence[Styled]
) -> list[Finding]:
    """Return the findings of the safety rules and of the house style, in the order of ``files`` and of their lines."""
    unreadable = {
        (finding.path, line)
        for finding in findings
        if finding.rule == "MS30"
        for line in range(finding.line, finding.end_line + 1)
    }
    merged = list(findings)
    for result in styled:
        merged += result.findings
        # What SQLite cannot read either has a finding MS30 already.
        merged += [finding for finding in result.unread if (finding.path, finding.line) not in unreadable]
    places = {settings.show(file): place for place, file in enumerate(files)}
    return sorted(merged, key=lambda f: (places.get(f.path, -1), f.line, f.column, f.rule))


def _replace(file: Path, text: str, shown: str) -> None:
    """Write the repaired text with the line ends and the byte-order mark that the file had."""
    from memsql.project.writing import replace_file

    raw = regular.read_bytes(file)
    if b"\r\n" in raw:
        text = text.replace("\n", "\r\n")
    replace_file(file, ("\ufeff" if raw.startswith(b"\xef\xbb\xbf") else "") + text, shown)


def _write_docs(settings: Settings) -> Outcome:
    from memsql.lint import RULES
    from memsql.lint.document import with_chapter
    from memsql.project.writing import replace_file
    from memsql.storage.new_files import make_folder

    page = settings.root / "docs" / "review.md"
    make_folder(page.parent, "umask")
    old = regular.read_text(page) if page.is_file() else "# SQL review\n"
    replace_file(page, with_chapter(old, RULES), settings.show(page))
    return Outcome(f"wrote {settings.show(page)}", {"file": settings.show(page)})
