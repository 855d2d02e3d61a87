"""Smoke tests: files of statements that do what the application does, each with what has to come of it.

A step is a file of sql/smoke. It writes rows, and its SELECTs return one row for each thing that is not as it should
be, as a check does. All steps run in one transaction, which is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memsql.errors import FileError, Location
from memsql.project.admission import ledger_table, names_ledger, written_names
from memsql.project.files import read_file
from memsql.sqltext import Effect, Header, Statement, effect, parse_header, split
from memsql.sqltext.check_header import required_name, timeout_of
from memsql.words import whole_number

FOLDER = "smoke"
"""The folder of the steps, in that of the project's SQL."""
DIRECTIVES = frozenset({"name", "why", "needs", "timeout", "allow"})
_WRITES = frozenset({"insert", "replace", "update", "delete"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """A statement of a step. ``reads``: it is a SELECT, and each of its rows is a problem; ``line`` is its place."""

    sql: str
    line: int
    reads: bool


@dataclass(frozen=True, slots=True)
class SmokeStep:
    """A step as its file says. ``needs`` is the version of the migration without which it cannot run, None where it
    names none; ``timeout`` is for how long it may run, in milliseconds."""

    name: str
    why: str
    path: str
    statements: tuple[Expectation, ...]
    needs: int | None
    timeout: int


@dataclass(frozen=True, slots=True)
class SmokeHeader:
    """The header of a step; ``timeout`` is None where it says none."""

    name: str
    why: str
    needs: int | None
    timeout: int | None


def read_steps(folder: Path, shown: str, timeout: int) -> tuple[SmokeStep, ...]:
    """All steps of ``folder``, by file name; none where there is no folder. ``timeout``, in milliseconds, is for those
    that name none.

    Raises FileError for a file without a name, without a SELECT, or with a statement that no step may hold.
    """
    if not folder.is_dir():
        return ()
    return tuple(_step(path, f"{shown}/{path.name}", timeout) for path in sorted(folder.glob("*.sql")))


def parse_smoke_header(text: str, path: str) -> SmokeHeader:
    """Read the header of a step: ``name`` (required), ``why``, ``needs: 0003``, ``timeout: 2m``.

    Raises FileError with file and line for a misspelt directive, for a missing name, for a version that is no number
    and for a timeout that is no time.
    """
    header = parse_header(text, path, DIRECTIVES)
    name = required_name(header, path, "step", "what the application can do")
    return SmokeHeader(name, header.get("why") or "", _version(header, path), timeout_of(header, path))


def _step(path: Path, shown: str, timeout: int) -> SmokeStep:
    text = read_file(path, shown).text()
    header = parse_smoke_header(text, shown)
    statements = tuple(_expectation(statement, shown) for statement in split(text))
    if not any(statement.reads for statement in statements):
        raise FileError(
            f"{shown} expects nothing: it holds no SELECT",
            where=Location(shown),
            hint="a SELECT of a step returns one row for each thing that is not as it should be",
        )
    return SmokeStep(header.name, header.why, shown, statements, header.needs, header.timeout or timeout)


def _expectation(statement: Statement, shown: str) -> Expectation:
    what = effect(statement.text)
    problem = _problem(statement.text, what)
    if problem is not None:
        raise FileError(
            f"{shown} {problem}",
            where=Location(shown, statement.line),
            statement=statement.text,
            state="nothing was run",
            hint="a step writes rows (INSERT, UPDATE, DELETE) and looks at them (SELECT); memsql begins the "
            "transaction around all steps, and rolls it back",
        )
    return Expectation(statement.text, statement.line, what.kind == "select")


def _problem(text: str, what: Effect) -> str | None:
    """Why a step must not hold the statement ``text``, as the end of a sentence; None where it may."""
    if what.kind != "select" and what.kind not in _WRITES:
        return f"runs {next(iter(text.split()), 'a control character').upper()}, which no step may"
    if what.kind in _WRITES and names_ledger(text):
        name = next(filter(None, map(ledger_table, written_names(text, what))), None)
        if name is not None:
            return f"writes {name}, which belongs to memsql"
    return None


def _version(header: Header, path: str) -> int | None:
    for directive in header.all("needs"):
        version = whole_number(directive.value.partition("_")[0].strip())
        if version is None:
            raise FileError(
                f'the directive "needs" says "{directive.value}"',
                where=Location(path, directive.line),
                hint="Write the migration that has to be applied: `-- needs: 0003`.",
            )
        return version
    return None
