"""All rules over one file, and what the file allows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice

from memsql.lint.model import DATABASE, Finding, Hit, Rule
from memsql.lint.rules import BY_CODE, RULES
from memsql.lint.script import Script
from memsql.sqltext import fold, permit_line
from memsql.sqltext.near_miss import permit_meant

_SHOWN = 300
_OF_THE_REVIEW = re.compile(r"MR\d\d")
_MOST = 100
# What these find depends on the files around; a file judged alone cannot tell that an allow is not needed.
_OF_SURROUNDINGS = frozenset(
    {
        "MS02",
        "MS03",
        "MS07",
        "MS10",
        "MS11",
        "MS12",
        "MS14",
        "MS15",
        "MS16",
        "MS17",
        "MS19",
        "MS20",
        "MS26",
        "MS27",
        "MS28",
        "MS29",
        "MS30",
        "MS34",
        "MS35",
        "MS36",
        "MS37",
        "MS42",
    }
)


def judge(script: Script) -> list[Finding]:
    """The findings in a file, by line, without those that its header allows. An ``allow`` that allows nothing is
    one too."""
    places = _Places(script)
    hits = [(rule, hit) for rule in RULES if script.kind in rule.kinds for hit in _first(rule, script)]
    used = {code for rule, hit in hits for code in (rule.code, hit.also)}
    allowed: set[str] = set()
    hits += [(BY_CODE["MS31"], hit) for hit in (*_unscoped(script, places), *_void(script, places))]
    for allow in script.header.allows:
        name = allow.rule.upper()
        if allow.rule == "data-loss" or _OF_THE_REVIEW.fullmatch(name):
            # Said already, or found by running the file, which nobody does here.
            continue
        if name not in BY_CODE:
            meant = permit_meant(allow.rule)
            hits.append(
                (
                    BY_CODE["MS31"],
                    Hit(
                        places.of_line(allow.line),
                        f"there is no rule {allow.rule}",
                        f"did you mean `-- allow: {meant} {allow.reason}`?"
                        if meant is not None
                        else "name a rule such as MS07, data-loss or broken",
                        severity="error",
                    ),
                )
            )
        elif name not in used and name in _OF_SURROUNDINGS and script.before is None:
            continue
        elif name not in used:
            hits.append(
                (
                    BY_CODE["MS31"],
                    Hit(
                        places.of_line(allow.line),
                        f"the file allows {name}, and nothing in it breaks that rule",
                        "remove the line, so that it does not hide a later mistake",
                    ),
                )
            )
        else:
            allowed.add(name)
    # What the proof lets pass because of a permit is no finding.
    permitted = {(fold(p.table), fold(p.column) if p.column is not None else None) for p in script.header.permits}
    broken = {fold(p.name) for p in script.header.broken}
    findings = {
        _finding(script, places, rule, hit)
        for rule, hit in hits
        if allowed.isdisjoint((rule.code, hit.also))
        and not (hit.loses and _folded(hit.loses) <= permitted)
        and not (hit.breaks and fold(hit.breaks) in broken)
    }
    return sorted(findings, key=lambda f: (f.line, f.column, f.rule, f.message))


def _folded(loses: Iterable[tuple[str, str | None]]) -> set[tuple[str, str | None]]:
    return {(fold(table), fold(column) if column is not None else None) for table, column in loses}


def _unscoped(script: Script, places: _Places) -> Iterator[Hit]:
    """A hit for each permit to lose data that names no table."""
    if script.kind not in DATABASE:
        return
    fix = f"write `{permit_line('TABLE')}` for rows or `{permit_line('TABLE', 'COLUMN')}` for values, one line for each"
    for allow in script.header.allows:
        if allow.rule == "data-loss":
            message = f"`-- allow: data-loss {allow.reason}` does not say which table may lose what"
            yield Hit(places.of_line(allow.line), message, fix, severity="error")
    for permit in script.header.permits:
        known = script.before is None or not script.before.exact or script.before.has(permit.table)
        if not known and not any(fold(permit.table) in step.names for step in script.steps):
            message = f"the file permits the loss of data of {permit.table}, and there is no such table"
            yield Hit(places.of_line(permit.line), message, fix, severity="error")
        elif permit.column is not None and _lacks_column(script, permit.table, fold(permit.column)):
            message = f"the file permits the loss of {permit.table}.{permit.column}, and there is no such column"
            yield Hit(places.of_line(permit.line), message, fix, severity="error")


def _void(script: Script, places: _Places) -> Iterator[Hit]:
    """A hit for each ``-- allow: broken`` whose name is none of a view, table or trigger."""
    for permit in script.header.broken:
        name = fold(permit.name)
        known = script.before is None or not script.before.exact or script.before.has_object(name)
        if not known and not script.after.has_object(name):
            yield Hit(
                places.of_line(permit.line),
                f"the file permits that {permit.name} is broken, and there is no view, trigger or table of that name",
                "correct the name, or remove the line",
                severity="error",
            )


def _lacks_column(script: Script, table: str, column: str) -> bool:
    """Whether no table of this name, before or after the file, has this column."""
    if script.before is None or not script.before.exact or not script.after.exact:
        return False
    shapes = [shape for schema in (script.before, script.after) if (shape := schema.table(table)) is not None]
    return bool(shapes) and all(column != fold(c.name) for shape in shapes for c in shape.columns)


def _first(rule: Rule, script: Script) -> list[Hit]:
    """What the rule finds, or the first of it: nobody reads a thousand, and a file of data may have a million."""
    hits = list(islice(rule.check(script), _MOST + 1))
    if len(hits) > _MOST:
        hits[_MOST] = replace(hits[_MOST], message=f"{hits[_MOST].message} (and so on; not all of the file is shown)")
    return hits


def _finding(script: Script, places: _Places, rule: Rule, hit: Hit) -> Finding:
    line, column = places.position(hit.at)
    end, statement = line, ""
    owner = places.statement_at(hit.at)
    if owner is not None:
        step = script.steps[owner]
        end = places.position(hit.end if hit.end is not None else step.at + len(step.text.rstrip()))[0]
        flat = " ".join(step.text[: _SHOWN * 4].split())
        statement = flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"
    return Finding(
        rule.code,
        rule.name,
        hit.severity or rule.severity,
        script.path,
        line,
        column,
        max(end, line),
        " ".join(hit.message.split()),
        hit.fix,
        statement,
    )


class _Places:
    """Offsets as lines and columns; worked out only where something was found."""

    def __init__(self, script: Script) -> None:
        self._script = script

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self._script.text))]

    @cached_property
    def _starts(self) -> list[int]:
        return [step.at for step in self._script.steps]

    def position(self, at: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def of_line(self, line: int) -> int:
        """The offset at which a line begins."""
        return self._lines[min(line, len(self._lines)) - 1]

    def statement_at(self, at: int) -> int | None:
        """The place in ``steps`` of the statement that holds the offset, or None."""
        place = bisect_right(self._starts, at) - 1
        return place if place >= 0 and at < self._script.steps[place].statement.end else None
