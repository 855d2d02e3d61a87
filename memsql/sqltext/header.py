"""The comments at the start of a migration, rollback, check or query file, and the directives in them.

A directive is a line ``-- name: value`` before the first SQL. yoyo reads two of them, ``depends`` and
``transactional``, with rules of its own (``parse_metadata_from_sql_comments``). Whatever yoyo takes for a directive is
one here too, and a ``depends`` or ``transactional`` that yoyo would not see is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from memsql import visible
from memsql.errors import FileError, Location
from memsql.sqltext.names import NAME, quote, quote_if_needed, unquote
from memsql.sqltext.tokens import BLOCK_COMMENT, LINE_COMMENT, TRIVIA
from memsql.words import parse_duration


@dataclass(frozen=True, slots=True)
class Directive:
    """One ``-- name: value`` line; ``value`` has no white space around it, ``line`` counts from 1."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Header:
    """``description`` is the first comment line that is no directive, or ``""``; directives in file order."""

    description: str
    directives: tuple[Directive, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of the first directive called ``name``, or None."""
        for directive in self.directives:
            if directive.name == name:
                return directive.value
        return None

    def all(self, name: str) -> tuple[Directive, ...]:
        """Every directive called ``name``."""
        return tuple(directive for directive in self.directives if directive.name == name)


@dataclass(frozen=True, slots=True)
class Allow:
    """``-- allow: rule reason``: the author accepts what the rule reports, and says why."""

    rule: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Permit:
    """``-- allow: data-loss TABLE reason`` permits the loss of rows of a table, ``TABLE.COLUMN`` that of the values of
    a column.

    ``table`` and ``column`` are spelled as in the file, without quotes. The text alone cannot tell whether there is
    such a table: see ``memsql.engine.permits``.
    """

    table: str
    column: str | None
    reason: str
    line: int


def permit_line(table: str, column: str | None = None, reason: str = "<reason>") -> str:
    """The line that permits the loss of rows of ``table``, or of the values of its ``column``."""
    name = ".".join(_on_one_line(part) for part in (table, column) if part is not None)
    return f"-- allow: data-loss {name} {reason}"


def _on_one_line(name: str) -> str:
    seen = visible.line(name)
    return quote_if_needed(name) if seen == name else quote(seen)


class Origin(NamedTuple):
    """``-- imported_from: TOOL PATH [KEY=VALUE…]``: which file of which tool the migration was, and what that file
    was (``sha256``, ``sha384``, ``down_sha256``, ``when``)."""

    tool: str
    path: str
    marks: tuple[tuple[str, str], ...] = ()

    @property
    def line(self) -> str:
        """The directive."""
        return " ".join(["-- imported_from:", self.tool, self.path, *(f"{key}={value}" for key, value in self.marks)])


class BrokenPermit(NamedTuple):
    """``-- allow: broken NAME reason``: the view or table ``name`` may not compile after the file."""

    name: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class MigrationHeader:
    """What a migration or rollback file says about itself.

    ``depends`` are ids of migrations. ``foreign_keys`` is False for ``-- foreign_keys: off``. ``fts_rebuild`` are the
    FTS5 tables to rebuild after the statements; the name ``all`` stands for all of them. ``allows`` has no permits,
    except a ``data-loss`` that does not begin with a name; such a line does not say what may be lost. ``origin``: what
    the file was before memsql took it over from another tool. ``stands_for`` are the ids of the migrations that were
    folded into this one, itself among them; ``stood_for`` those that were folded into one of these before.
    """

    description: str = ""
    depends: tuple[str, ...] = ()
    _: KW_ONLY
    transactional: bool = True
    foreign_keys: bool = True
    allows: tuple[Allow, ...] = ()
    fts_rebuild: tuple[str, ...] = ()
    permits: tuple[Permit, ...] = ()
    broken: tuple[BrokenPermit, ...] = ()
    origin: Origin | None = None
    stands_for: tuple[str, ...] = ()
    stands_hash: str = ""
    stood_for: tuple[str, ...] = ()

    @property
    def allows_loss(self) -> bool:
        """Whether there is an ``-- allow: data-loss``, with or without the name of a table."""
        return bool(self.permits) or any(allow.rule == "data-loss" for allow in self.allows)


IMPORTED_FROM = "imported_from"
ORIGINS = frozenset({IMPORTED_FROM, "stands_for"})
MIGRATION_DIRECTIVES = frozenset(
    {"depends", "transactional", "foreign_keys", "allow", "fts_rebuild", "stands_for", IMPORTED_FROM}
)
CHECK_DIRECTIVES = frozenset({"name", "severity", "why", "timeout", "allow", "references"})
REPEATABLE = frozenset({"depends", "allow", "references", "stands_for"})
_TIMEOUT = "timeout"
_RULER = "-=*#~_ "

_block = re.compile(rf"{TRIVIA}*").match
_comments = re.compile(rf"{LINE_COMMENT}|{BLOCK_COMMENT}").finditer
_directive = re.compile(r"--\s*([a-z][a-z_]*)\s*:\s*").match
_origin_mark = re.compile(r"(sha256|sha384|down_sha256|when)=(\w+)").fullmatch
_rule = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*").fullmatch
_IDENTIFIER = rf'{NAME}|(?:"[^"]*+")+|(?:`[^`]*+`)+|\[[^\]]*+\]'
_permit = re.compile(rf"({_IDENTIFIER})(?:\.({_IDENTIFIER}))?(?:\s+(.+))?").fullmatch
_table_names = re.compile(r'"(?:[^"]|"")*"|[^\s"]+').findall


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _misspelt(comment: str, allowed: frozenset[str]) -> tuple[str, str] | None:
    """The directive that ``comment`` misspells, as it is written and as it is meant; None where the line is prose."""
    if not comment.startswith("--") or ":" not in comment:
        return None
    # Imported here: most headers hold nothing but directives and prose without a colon.
    from memsql.sqltext.near_miss import near_miss

    misspelt = near_miss(comment, allowed | MIGRATION_DIRECTIVES)
    if misspelt is not None or _TIMEOUT in allowed:
        return misspelt
    # With a time behind it this is no prose: its author thinks that it limits the file.
    is_time = parse_duration(comment.partition(":")[2], "s") is not None
    return near_miss(comment, {_TIMEOUT}) if is_time else None


def _unknown(name: str, meant: str, where: Location, allowed: frozenset[str]) -> FileError:
    correction = f'Did you mean "{meant}"? ' if meant in allowed and meant != name else ""
    if meant == _TIMEOUT and meant not in allowed:
        correction = "It limits a check, and stands in the header of one (sql/checks). "
    return FileError(
        f'unknown directive "{name}"',
        where=where,
        hint=f"{correction}Allowed here: {_listed(allowed)}. "
        "If the line is prose, drop the colon or put another word before it.",
    )


def _first_line(comment: str) -> str:
    """The first line of a comment that is more than a ruler, without the comment marks."""
    if comment.startswith("--"):
        text = comment.lstrip("-").strip()
        return text if text.strip(_RULER) else ""
    body = comment[2:-2] if comment.endswith("*/") and len(comment) > 3 else comment[2:]
    for line in body.splitlines():
        text = line.strip().strip("*").strip()
        if text.strip(_RULER):
            return text
    return ""


def parse_header(text: str, path: str, allowed: frozenset[str], repeatable: frozenset[str] = REPEATABLE) -> Header:
    """Read the comments before the first SQL of ``text``, the content of the file at ``path``.

    ``allowed`` are the directives that this kind of file knows, ``repeatable`` those that may occur more than once. A
    comment in ``/* */`` has no directives. An allowed name may have space
    before its colon, as in yoyo. Any other line with a colon is prose, unless it misspells a directive (see
    near_miss). Lines may end with LF or CRLF.

    Raises FileError with file and line for a misspelt directive, for one of migrations in another kind of file, for the
    ``timeout`` of a check in another kind, and for a second one that may occur once.
    """
    match = _block(text)
    block = match[0] if match else ""
    description = ""
    directives: list[Directive] = []
    seen: set[str] = set()
    line = 1
    counted = 0
    colon = ":" in block
    for comment in _comments(block):
        content = comment[0]
        match = _directive(content) if colon else None
        if match is None or match[1] not in allowed:
            misspelt = _misspelt(content, allowed) if colon else None
            if misspelt is not None:
                line += block.count("\n", counted, comment.start())
                raise _unknown(*misspelt, Location(path, line), allowed)
            if not description:
                description = _first_line(content)
                if description and not colon:
                    break
            continue
        name = match[1]
        line += block.count("\n", counted, comment.start())
        counted = comment.start()
        if name in seen and name not in repeatable:
            first = next(directive.line for directive in directives if directive.name == name)
            raise FileError(
                f'the directive "{name}" stands here a second time',
                where=Location(path, line),
                hint=f"Keep one of the two; the first is in line {first}.",
            )
        seen.add(name)
        directives.append(Directive(name, content[match.end() :].rstrip(), line))
    return Header(description, tuple(directives))


def directive_lines(text: str) -> list[tuple[str, str]]:
    """The name and value of each directive in the header of ``text``, a migration, in file order.

    Nothing is refused, so that the header of a file that must not run any more can be read.
    """
    match = _block(text)
    block = match[0] if match else ""
    if ":" not in block:
        return []
    lines = ((_directive(comment[0]), comment[0]) for comment in _comments(block))
    return [(m[1], line[m.end() :].rstrip()) for m, line in lines if m is not None and m[1] in MIGRATION_DIRECTIVES]


def bad_value(directive: Directive, path: str, expected: str) -> FileError:
    """That ``directive`` has another value than ``expected``."""
    shown = f'"{directive.value}"' if directive.value else "nothing"
    return FileError(
        f'the directive "{directive.name}" says {shown}',
        where=Location(path, directive.line),
        hint=f"Write `-- {directive.name}: {expected}`.",
    )


def _switch(directive: Directive, path: str, off: str, on: str) -> bool:
    value = directive.value.lower()
    if value not in (off, on):
        raise bad_value(directive, path, f"{off}` or `-- {directive.name}: {on}")
    return value == on


def _allow(directive: Directive, path: str) -> Allow:
    rule, _, reason = directive.value.replace("\t", " ").partition(" ")
    reason = reason.strip()
    if not reason or not _rule(rule):
        raise bad_value(
            directive,
            path,
            "<rule> <reason>` with a reason that a reviewer can judge, such as `-- allow: MS01 the table was never "
            "written to` or `-- allow: data-loss notes.author nobody reads it",
        )
    return Allow(rule, reason, directive.line)


def _permitted(allow: Allow) -> Permit | None:
    """The permit that ``allow``, a ``data-loss``, spells; None where it begins with no name or has no reason."""
    match = _permit(allow.reason)
    if match is None or match[3] is None:
        return None
    return Permit(unquote(match[1]), unquote(match[2]) if match[2] else None, match[3], allow.line)


def _broken(allow: Allow, directive: Directive, path: str) -> BrokenPermit:
    match = _permit(allow.reason)
    if match is None or match[2] or match[3] is None:
        raise bad_value(directive, path, "broken <view or table> <reason>")
    return BrokenPermit(unquote(match[1]), match[3], allow.line)


def _origin(directive: Directive, path: str) -> Origin:
    words = directive.value.split()
    marks: list[tuple[str, str]] = []
    while len(words) > 2 and (match := _origin_mark(words[-1])) is not None:
        marks.insert(0, (match[1], match[2]))
        words.pop()
    if len(words) < 2:
        raise bad_value(directive, path, "<tool> <file of the tool>")
    return Origin(words[0], " ".join(words[1:]), tuple(marks))


def _refuse_below_block_comment(text: str, directives: Sequence[Directive], path: str) -> None:
    """yoyo stops reading at the first line that is neither blank nor a ``--`` comment."""
    seen_by_yoyo = [directive for directive in directives if directive.name in ("depends", "transactional")]
    if "/*" not in text or not seen_by_yoyo:
        return
    last = seen_by_yoyo[-1].line
    stripped = (line.lstrip("\ufeff").strip() for line in text.split("\n", last)[:last])
    end = next((number for number, line in enumerate(stripped, 1) if line and not line.startswith("--")), last + 1)
    for directive in seen_by_yoyo:
        if directive.line >= end:
            raise FileError(
                f'yoyo does not see the directive "{directive.name}" below a /* */ comment',
                where=Location(path, directive.line),
                hint="Move the directive above that comment.",
            )


def parse_migration_header(text: str, path: str) -> MigrationHeader:
    """Read the header of a migration or rollback file: ``text`` is the content of the file at ``path``.

    Directives: ``depends: id id ...`` (may be empty and may repeat), ``transactional: true|false``,
    ``foreign_keys: off|on``, ``imported_from: <tool> <file>``, ``allow: <rule> <reason>``,
    ``allow: data-loss <table>[.<column>] <reason>`` and ``allow:
    broken <name> <reason>`` (may repeat), ``fts_rebuild: table table ...`` or ``fts_rebuild: all``, ``stands_for: id id
    ...`` (the second and later ones: what these stood for before).

    Raises FileError with file and line for what ``parse_header`` refuses, for any other value, for an
    ``allow`` without a reason, and for a ``depends`` or ``transactional`` that yoyo would not see. A ``data-loss`` that
    names no table is not refused here, because files that were applied long ago have such lines.
    """
    header = parse_header(text, path, MIGRATION_DIRECTIVES)
    if not header.directives:
        return MigrationHeader(header.description)
    depends: list[str] = []
    transactional = foreign_keys = True
    allows: list[Allow] = []
    permits: list[Permit] = []
    broken: list[BrokenPermit] = []
    fts_rebuild: tuple[str, ...] = ()
    origin: Origin | None = None
    stands_for: list[tuple[str, ...]] = []
    stands_hash = ""
    for directive in header.directives:
        match directive.name:
            case "depends":
                depends += directive.value.split()
            case "transactional":
                transactional = _switch(directive, path, "false", "true")
            case "foreign_keys":
                foreign_keys = _switch(directive, path, "off", "on")
            case "allow":
                allow = _allow(directive, path)
                permit = _permitted(allow) if allow.rule == "data-loss" else None
                if permit is not None:
                    permits.append(permit)
                elif allow.rule == "broken":
                    broken.append(_broken(allow, directive, path))
                else:
                    allows.append(allow)
            case "imported_from":
                origin = _origin(directive, path)
            case "fts_rebuild":
                names = _table_names(directive.value)
                fts_rebuild = tuple(unquote(name) if name[0] == '"' else name for name in names)
                if not fts_rebuild:
                    raise bad_value(directive, path, "<table> <table>` or `-- fts_rebuild: all")
            case "stands_for":
                folded, _, digest = directive.value.partition(" @")
                stands_for.append(tuple(folded.split()))
                stands_hash = stands_hash or digest.strip()
    _refuse_below_block_comment(text, header.directives, path)
    return MigrationHeader(
        header.description,
        tuple(dict.fromkeys(depends)),
        transactional=transactional,
        foreign_keys=foreign_keys,
        allows=tuple(allows),
        fts_rebuild=fts_rebuild,
        permits=tuple(permits),
        broken=tuple(broken),
        origin=origin,
        stands_for=stands_for[0] if stands_for else (),
        stands_hash=stands_hash,
        stood_for=tuple(name for names in stands_for[1:] for name in names),
    )
