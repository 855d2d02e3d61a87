"""The header of a file that may have mistakes in it: all of them, and what it says besides."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memsql.errors import FileError
from memsql.project.smoke import DIRECTIVES, parse_smoke_header
from memsql.sqltext import (
    CHECK_DIRECTIVES,
    Allow,
    MigrationHeader,
    parse_check_header,
    parse_header,
    parse_migration_header,
    skip_to_code,
)

_QUERY = frozenset({"name", "why", "param", "plan", "allow"})
_ALLOW = re.compile(r"--[ \t]*allow[ \t]*:[ \t]*(.*)")
_MISTAKES = 20


@dataclass(frozen=True, slots=True)
class HeaderProblem:
    """A line that memsql would refuse. ``allow`` where it is an ``allow`` without rule or reason."""

    line: int
    message: str
    fix: str
    allow: bool = False


def read_header(text: str, path: str, kind: str) -> tuple[MigrationHeader, tuple[HeaderProblem, ...]]:
    """The header of a file of ``kind``, and every line of it that memsql would refuse."""
    block = text[: skip_to_code(text, 0)]
    if kind in ("migration", "rollback"):
        return _migration(block, path)
    problems: list[HeaderProblem] = []
    if kind in ("check", "query", "smoke"):
        try:
            if kind == "check":
                parse_check_header(block, path)
            elif kind == "smoke":
                parse_smoke_header(block, path)
            else:
                parse_header(block, path, _QUERY, repeatable=frozenset({"param", "plan", "allow"}))
        except FileError as e:
            problems.append(_problem(e, False))
    allows, bad = _allows(block)
    return MigrationHeader(_description(block), allows=allows), (*problems, *bad)


def _migration(block: str, path: str) -> tuple[MigrationHeader, tuple[HeaderProblem, ...]]:
    lines = block.split("\n")
    problems: list[HeaderProblem] = []
    while len(problems) < _MISTAKES:
        try:
            return parse_migration_header("\n".join(lines), path), tuple(problems)
        except FileError as e:
            line = (e.where.line if e.where else None) or 1
            problems.append(_problem(e, _ALLOW.search(lines[line - 1]) is not None))
            # As prose the line says nothing, and the next mistake comes to light.
            lines[line - 1] = "--"
    return MigrationHeader(), tuple(problems)


def _allows(block: str) -> tuple[tuple[Allow, ...], list[HeaderProblem]]:
    allows, bad = [], []
    for number, line in enumerate(block.split("\n"), 1):
        match = _ALLOW.match(line.strip())
        if match is None:
            continue
        rule, _, reason = match[1].strip().replace("\t", " ").partition(" ")
        if rule and reason.strip():
            allows.append(Allow(rule, reason.strip(), number))
        else:
            bad.append(
                HeaderProblem(
                    number, "this allow names no rule, or gives no reason", "Write `-- allow: <rule> <reason>`.", True
                )
            )
    return tuple(allows), bad


def _description(block: str) -> str:
    try:
        return parse_header(block, "", CHECK_DIRECTIVES | _QUERY | DIRECTIVES).description
    except FileError:
        return ""


def _problem(error: FileError, allow: bool) -> HeaderProblem:
    if allow:
        return HeaderProblem(
            (error.where.line if error.where else None) or 1,
            "this allow names no rule, or gives no reason",
            error.hint or "",
            True,
        )
    return HeaderProblem((error.where.line if error.where else None) or 1, error.message, error.hint or "", allow)
