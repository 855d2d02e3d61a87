"""Which statements of a file rebuild a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql.lint.step import Step, Steps
from memsql.schema.definition import split_at_commas
from memsql.sqltext import fold
from memsql.sqltext.tokens import Token


@dataclass(frozen=True, slots=True)
class Copy:
    """``INSERT INTO target … SELECT … FROM source``. ``columns`` are those it names, () for none; ``star`` is the ``*``
    of its SELECT, or None."""

    step: Step
    target: str
    source: str
    columns: tuple[str, ...]
    star: Token | None


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A table made anew with its rows. ``old_first`` where the old table was renamed away before the new one took its
    place; ``drop`` is the statement that drops the old one, ``create`` makes the new one, ``copy`` fills it."""

    table: str
    create: Step
    drop: Step | None
    rename: Step | None
    copy: Copy | None
    old_first: bool = False


def find_copies(steps: Steps) -> list[Copy]:
    """Every ``INSERT … SELECT`` of the file that reads from one table first."""
    copies = []
    for step in steps.of("insert", "replace"):
        copy = _copy(step)
        if copy is not None:
            copies.append(copy)
    return copies


def find_rebuilds(steps: Steps, copies: Sequence[Copy]) -> list[Rebuild]:
    """Every table of the file that is made anew: new table, copy, drop, rename; or old table renamed, new table,
    copy, drop; or dropped and created under its name."""
    created = {step.name: step for step in steps.making("table", "virtual")}
    dropped = {step.name: step for step in steps.of("drop") if step.effect.object_type == "table"}
    rebuilds = []
    for step in steps.of("alter_rename"):
        new = fold(step.effect.new_name or "")
        if step.name in created and new in dropped and dropped[new].at < step.at:
            new_table = created[step.name]
            rebuilds.append(Rebuild(new, new_table, dropped[new], step, _last(copies, step.name)))
        elif step.name in created and created[step.name].at > step.at:
            new_table = created[step.name]
            rebuilds.append(Rebuild(step.name, new_table, dropped.get(new), step, _last(copies, step.name), True))
    taken = {r.table for r in rebuilds}
    for name, step in created.items():
        if name in dropped and dropped[name].at < step.at and name not in taken:
            rebuilds.append(Rebuild(name, step, dropped[name], None, _last(copies, name)))
    return rebuilds


def _last(copies: Sequence[Copy], target: str) -> Copy | None:
    return next((copy for copy in reversed(copies) if copy.target == target), None)


def _copy(step: Step) -> Copy | None:
    if len(step.text) > 100_000 or "select" not in step.text.lower():
        return None
    tokens = step.tokens
    into = next((i for i, t in enumerate(tokens) if t.name == step.name and i > 0), None)
    if into is None:
        return None
    place = into + 1
    columns: tuple[str, ...] = ()
    if place < len(tokens) and tokens[place].word == "(":
        groups, closing = split_at_commas(tokens, place)
        columns = tuple(group[0].name for group in groups)
        place = closing + 1
    if place < len(tokens) and tokens[place].word == "WITH":
        place = step.find("SELECT", start=place) or len(tokens)
        while place < len(tokens) and _depth(tokens, place) > 0:
            place = step.find("SELECT", start=place + 1) or len(tokens)
    if place >= len(tokens) or tokens[place].word != "SELECT":
        return None
    depth, star, source = 0, None, ""
    for i in range(place + 1, len(tokens)):
        token = tokens[i]
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word == "*" and tokens[i - 1].word in ("SELECT", ",", ".", "DISTINCT", "ALL"):
            star = star or token
        if depth == 0 and token.word == "FROM" and i + 1 < len(tokens):
            source = tokens[i + 1].name
            if i + 3 < len(tokens) and tokens[i + 2].word == ".":
                source = tokens[i + 3].name
            break
    return Copy(step, step.name, source, columns, star)


def _depth(tokens: tuple[Token, ...], place: int) -> int:
    return sum((t.word == "(") - (t.word == ")") for t in tokens[:place])
