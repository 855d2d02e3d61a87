"""The header of a check file."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.errors import FileError, Location
from memsql.sqltext.header import CHECK_DIRECTIVES, Header, bad_value, parse_header
from memsql.words import parse_duration


@dataclass(frozen=True, slots=True)
class CheckHeader:
    """What a check file says about itself; ``severity`` is ``error`` or ``warning``.

    ``timeout``: for how long it may run, in milliseconds; None for as long as any other. ``references``: keys that
    the schema does not declare, as text with their lines: ``notes.topic_id -> topics.id``.
    """

    name: str
    severity: str = "error"
    why: str = ""
    description: str = ""
    timeout: int | None = None
    references: tuple[tuple[str, int], ...] = ()


def parse_check_header(text: str, path: str) -> CheckHeader:
    """Read the header of a check file: ``name`` (required), ``severity: error|warning``, ``why``, ``timeout: 2m``,
    ``references: notes.topic_id -> topics.id`` (may repeat).

    Raises FileError with file and line for what ``parse_header`` refuses, for another severity, for a timeout that is
    no time, and for a missing or empty name.
    """
    header = parse_header(text, path, CHECK_DIRECTIVES)
    name = required_name(header, path, "check", "what must hold")
    severity = "error"
    for directive in header.all("severity"):
        severity = directive.value.lower()
        if severity not in ("error", "warning"):
            raise bad_value(directive, path, "error` or `-- severity: warning")
    references = tuple((directive.value, directive.line) for directive in header.all("references"))
    timeout = timeout_of(header, path)
    return CheckHeader(name, severity, header.get("why") or "", header.description, timeout, references)


def required_name(header: Header, path: str, kind: str, says: str) -> str:
    """The ``name`` in the ``header`` of a ``kind`` of file (check, step); ``says``: what such a name says.

    Raises FileError with file and line where it is missing or empty.
    """
    name = header.get("name")
    if not name:
        raise FileError(
            f"the {kind} has no name",
            where=Location(path, header.all("name")[0].line if name is not None else 1),
            hint=f"Start the file with a line `-- name: {says}`.",
        )
    return name


def timeout_of(header: Header, path: str) -> int | None:
    """The ``timeout`` in ``header``, in milliseconds; None where it has none. Raises FileError for what is no time."""
    for directive in header.all("timeout"):
        timeout = parse_duration(directive.value, "s")
        if not timeout:
            raise bad_value(directive, path, "30s` or `-- timeout: 2m")
        return timeout
    return None
