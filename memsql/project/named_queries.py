"""The hot queries of a project: those of sql/queries, and those in the files of an application that setup.cfg names.

Such a file holds many queries, each below its name as sqlc (``-- name: GetUser :one``), aiosql and yesql
(``-- name: get-user^``) write it. The lines ``-- plan:``, ``-- param:`` and ``-- why:`` beside a name mean what they
mean in sql/queries; every other comment is prose.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql import hints
from memsql.config import Settings
from memsql.errors import ConfigError, FileError, Location
from memsql.project.contracts import parse_expectations
from memsql.project.files import read_file
from memsql.project.queries import KINDS, Query, query_of, read_queries
from memsql.sqltext import Directive, Header, effect, split
from memsql.sqltext.near_miss import near_miss
from memsql.sqltext.tokens import Comment, Token, comments, tokenize
from memsql.words import whole_number

_NAME = re.compile(r"(?:--|/\*)\s*name\s*:\s*(?P<name>[^\s(]+)", re.IGNORECASE)
# What aiosql and yesql write behind a name to say what a call returns.
_OPERATORS = re.compile(r"(?:\^|\$|!|<!|\*!|#|\?)+$")
_DIRECTIVE = re.compile(r"--\s*(?P<name>plan|param|why)\s*:\s*(?P<value>.*)", re.DOTALL)
_ARGUMENTS = frozenset({"arg", "narg", "slice"})


def hot_queries(settings: Settings) -> list[Query]:
    """Every hot query of the project, those of sql/queries first; each by its file and its place there.

    Raises FileError for a file that cannot be used, ConfigError for a pattern that leads nowhere or out of the project.
    """
    folder = settings.sql / "queries"
    queries = read_queries(folder, settings.show(folder))
    already = {query.path for query in queries}
    for path in application_files(settings):
        shown = settings.show(path)
        if shown not in already:
            queries += read_named(read_file(path, shown).text(), shown)
            already.add(shown)
    return queries


def application_files(settings: Settings) -> list[Path]:
    """The files that the patterns of the setting ``queries`` lead to, by their names. Raises ConfigError for a pattern
    that leads nowhere or out of the project."""
    files: dict[Path, None] = {}
    for pattern in settings.queries:
        if os.path.isabs(pattern) or ".." in Path(pattern).parts:
            raise ConfigError(
                f"queries = {pattern}: leads out of the project",
                hint=f"write it from the folder of {hints.settings_file()} on",
            )
        names = sorted(path for path in settings.root.glob(pattern) if path.is_file())
        if not names:
            raise ConfigError(
                f"queries = {pattern}: there is no such file", hint="write a pattern such as app/queries/*.sql"
            )
        files |= dict.fromkeys(_inside(path, settings) for path in names)
    return list(files)


def read_named(text: str, shown: str) -> list[Query]:
    """The queries of ``text``, the content of the file ``shown`` of an application, in its order.

    Raises FileError for a ``-- plan:`` or ``-- param:`` that cannot be read. Statements that are no queries (CREATE,
    PRAGMA and the like) are left out.
    """
    queries = []
    breaks = [match.start() for match in re.finditer("\n", text)]
    for block in _blocks(text, shown, breaks):
        statements = [s for s in split(text[block.start : block.end]) if effect(s.text).kind in KINDS]
        for number, statement in enumerate(statements, 1):
            line = bisect_left(breaks, block.start) + statement.line
            name = block.name or Path(shown).stem
            part = name if number == 1 and block.name else f"{name} {number}"
            query = query_of(block.header, _plain(statement.text), part if len(statements) > 1 else name, shown)
            queries.append(replace(query, part=part, line=line))
    return queries


@dataclass(frozen=True, slots=True)
class _Block:
    """What belongs to one name: offsets in the text."""

    name: str
    start: int
    end: int
    header: Header


def _blocks(text: str, shown: str, breaks: Sequence[int]) -> Iterator[_Block]:
    """The blocks of ``text``, whose lines end at ``breaks``."""
    notes = list(comments(text))
    ends = [token.end for token in tokenize(text)]
    named = [(note, match) for note in notes if (match := _NAME.match(note.text))]
    # What stands above a name, down from the last statement, belongs to it too.
    starts = [ends[place - 1] if (place := bisect_right(ends, note.start)) else 0 for note, _ in named]
    names = [_OPERATORS.sub("", match["name"]) for _, match in named]
    if not named or (ends and ends[0] <= starts[0]):
        starts, names = [0, *starts], ["", *names]
    begins = [note.start for note in notes]
    for number, (start, name) in enumerate(zip(starts, names, strict=True)):
        end = starts[number + 1] if number + 1 < len(starts) else len(text)
        inside = notes[bisect_left(begins, start) : bisect_left(begins, end)]
        yield _Block(name, start, end, Header("", tuple(_directives(inside, shown, breaks))))


def _directives(notes: Sequence[Comment], shown: str, breaks: Sequence[int]) -> Iterator[Directive]:
    for note in notes:
        line = bisect_left(breaks, note.start) + 1
        match = _DIRECTIVE.fullmatch(note.text)
        if match is not None:
            yield Directive(match["name"], match["value"].strip(), line)
        else:
            _refuse_misspelt(note.text, Location(shown, line))


def _refuse_misspelt(comment: str, where: Location) -> None:
    """Raise FileError where ``comment`` is ``-- plan:`` in another spelling, and not prose."""
    misspelt = near_miss(comment, {"plan"}) if comment.startswith("--") and ":" in comment else None
    if misspelt is None:
        return
    try:
        expectations = list(parse_expectations(comment.partition(":")[2], where))
    except FileError:
        return
    if expectations:
        raise FileError(f'unknown directive "{misspelt[0]}"', where=where, hint='did you mean "plan"?')


def _plain(sql: str) -> str:
    """``sql`` with the variables of SQLite: what sqlc and aiosql write otherwise is rewritten, and each ``?`` gets its
    number, so that it has a name."""
    parts: list[str] = []
    end, largest = 0, 0
    tokens = tokenize(sql)
    for place, token in enumerate(tokens):
        if token.start < end:
            continue
        replacement, behind = "", 0
        if token.kind == "variable":
            number = token.text[1:]
            if token.text == "?":
                largest += 1
                replacement, behind = f"?{largest}", token.end
            elif token.text[0] == "?":
                largest = max(largest, whole_number(number) or 0)
            elif [t.text for t in tokens[place + 1 : place + 2]] == ["."] and place + 2 < len(tokens):
                # aiosql: an attribute of an argument.
                replacement, behind = token.text, tokens[place + 2].end
        elif token.word == "SQLC":
            replacement, behind = _macro(tokens[place : place + 6])
        if behind:
            parts += [sql[end : token.start], replacement]
            end = behind
    return "".join([*parts, sql[end:]])


def _macro(tokens: Sequence[Token]) -> tuple[str, int]:
    """What ``tokens``, the beginning of ``sqlc.arg(name)``, stand for, and where they end; 0 where they are none."""
    if len(tokens) < 6 or [tokens[place].text for place in (1, 3, 5)] != [".", "(", ")"]:
        return "", 0
    function, argument = tokens[2].name, tokens[4].text.strip("'\"`")
    if function in _ARGUMENTS:
        return f":{argument}", tokens[5].end
    return (f"{tokens[4].text}.*", tokens[5].end) if function == "embed" else ("", 0)


def _inside(path: Path, settings: Settings) -> Path:
    """``path``; raises ConfigError where a link on the way to it leads out of the project."""
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(settings.root)):
        raise ConfigError(f"{settings.show(path)} is reached by a link out of the project, and memsql follows none")
    return path
