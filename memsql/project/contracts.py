"""What a query file expects of its plan, behind ``-- plan:`` in its header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from memsql.errors import FileError, Location
from memsql.sqltext.names import unquote

Property = Literal["no scan", "no sort", "no automatic index", "uses", "rows read"]
_NAME = r'(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\s,"`\[]+)'
_NAMES = rf"{_NAME}(?:\s+and\s+{_NAME})*"
_SCAN = re.compile(rf"no[ -]scan(?:\s+of\s+(?P<of>{_NAMES}))?(?:\s+except\s+(?P<others>{_NAMES}))?", re.IGNORECASE)
_SORT = re.compile(r"no[ -]sort", re.IGNORECASE)
_AUTOMATIC = re.compile(r"no[ -]automatic[ -]index", re.IGNORECASE)
_USES = re.compile(r"uses\s+(?P<name>\S.*)", re.IGNORECASE | re.DOTALL)
_ROWS = re.compile(
    r"rows[ -]read\s*(?P<sign><=|≤|<)\s*(?P<number>[0-9]{1,18}|[0-9]{1,3}(?:_[0-9]{3}){1,5})", re.IGNORECASE
)
_PIECE = re.compile(r'(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^,])+')
_HEADS = (
    ("no scan", "no scan"),
    ("no sort", "no sort"),
    ("no automatic index", "no automatic index"),
    ("uses", "uses INDEX"),
    ("rows read", "rows read <= NUMBER"),
)
_NEAR = 0.7


@dataclass(frozen=True, slots=True)
class Expectation:
    """One property of a plan, and ``text``, as its author wrote it. ``tables``: of which tables and views alone no
    scan is expected; empty for all. ``others`` are tables that may be read whole. ``index``: which index is to be used.
    ``most``: how many rows may be read."""

    text: str
    property: Property
    tables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    index: str = ""
    most: int = 0


def parse_expectations(value: str, where: Location) -> Iterator[Expectation]:
    """The expectations in ``value``, a list with commas. Raises FileError for one that nobody knows."""
    for piece in _PIECE.findall(value):
        text = piece.strip()
        if text:
            expectation = _parse(text)
            if expectation is None:
                raise _unknown(text, where)
            yield expectation


def _parse(text: str) -> Expectation | None:
    if match := _SCAN.fullmatch(text):
        return Expectation(text, "no scan", _listed(match["of"]), _listed(match["others"]))
    if _SORT.fullmatch(text):
        return Expectation(text, "no sort")
    if _AUTOMATIC.fullmatch(text):
        return Expectation(text, "no automatic index")
    if match := _USES.fullmatch(text):
        return Expectation(text, "uses", index=unquote(match["name"].strip()))
    if match := _ROWS.fullmatch(text):
        return Expectation(text, "rows read", most=int(match["number"]) - (match["sign"] == "<"))
    return None


def _listed(names: str | None) -> tuple[str, ...]:
    """The names in a list with "and"."""
    if names is None:
        return ()
    return tuple(unquote(name) for name in re.findall(_NAME, names) if name.lower() != "and")


def _unknown(text: str, where: Location) -> FileError:
    # Few need it, and it takes time to load.
    from difflib import SequenceMatcher

    folded = " ".join(re.split(r"[\s_-]+", text.lower()))
    words = folded.split(" ")
    likeness, meant = max(
        (SequenceMatcher(None, start, head).ratio(), spelling)
        for head, spelling in _HEADS
        for start in (folded[: len(head)], " ".join(words[: head.count(" ") + 1]))
    )
    return FileError(
        f"{where.path}: a plan cannot be expected to be {text!r}",
        where=where,
        hint=(f'did you mean "{meant}"? ' if likeness >= _NEAR else "")
        + "there are: no scan, no scan of TABLE, no scan except TABLE, no sort, no automatic index, uses INDEX and "
        "rows read <= NUMBER, separated by commas",
    )
