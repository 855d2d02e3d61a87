"""Which indexes and triggers went with a table that was rebuilt, or with a view that was made anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from memsql.engine.analysis import Analysis
from memsql.engine.structure.keys import is_covered, key_of_index, keys_of_table
from memsql.engine.structure.snapshot import Change, Snapshot
from memsql.schema.definition import Definition, read_definition
from memsql.schema.model import Object
from memsql.schema.normalise import normalise
from memsql.sqltext import fold
from memsql.sqltext.tokens import Token, tokenize


@dataclass(frozen=True, slots=True)
class Missing:
    """An index or a trigger that is gone, though the table or view ``owner`` that it was on is there."""

    object: Object
    owner: Object

    def __str__(self) -> str:
        """The sentence about it."""
        table = self.owner.type == "table"
        how = "the rebuild did not create it again" if table else "the view was made anew without it"
        return f"{self.object.type} {self.object.name} on {self.owner.name} is gone: {how}"


def missing(before: Snapshot, after: Snapshot, change: Change, analysis: Analysis) -> list[Missing]:
    """What is missing in ``after``, except what the text drops by name, what belongs to a column that is gone, and what
    another index, key or trigger does as well. ``analysis``: of the text that made the ``change``."""
    result = []
    for obj in change.gone:
        if obj.type not in ("index", "trigger") or fold(obj.name) in analysis.dropped:
            continue
        names = _names_of(fold(obj.table), analysis)
        owner = after.relation(names[-1]) or after.relation(names[0])
        old = before.relation(names[0])
        if owner is None or old is None or owner.type != old.type or _is_there(obj, owner, after):
            continue
        renamed = {o: n for table, o, n in analysis.columns if table in names}
        excused = _index_is_excused if obj.type == "index" else _trigger_is_excused
        if not excused(obj, old, owner, after, renamed):
            result.append(Missing(obj, owner))
    return result


def _names_of(table: str, analysis: Analysis) -> list[str]:
    """The names that ``table`` (folded) has during the migration, in the order it gets them."""
    names = [table]
    for old, new in analysis.renames:
        if old == names[-1]:
            names.append(new)
    return names


def _is_there(obj: Object, owner: Object, after: Snapshot) -> bool:
    now = after.objects.get((obj.type, fold(obj.name)))
    return now is not None and fold(now.table) == fold(owner.name)


def _index_is_excused(index: Object, old: Object, owner: Object, after: Snapshot, renamed: Mapping[str, str]) -> bool:
    table, new = read_definition(old.sql), read_definition(owner.sql)
    tokens = tokenize(index.sql)
    opening = next((token.start for token in tokens if token.text == "("), 0)
    if _gone(table, new, renamed) & {t.name for t in tokens if t.start > opening and t.kind in ("word", "quoted")}:
        return True
    indexes = [o for o in after.of("index") if fold(o.table) == fold(owner.name)]
    return is_covered(key_of_index(index, table, renamed), keys_of_table(new, indexes))


def _trigger_is_excused(
    trigger: Object, old: Object, owner: Object, after: Snapshot, renamed: Mapping[str, str]
) -> bool:
    tokens = tokenize(trigger.sql)
    if old.type == "table":
        gone = _gone(read_definition(old.sql), read_definition(owner.sql), renamed)
        if gone & _columns_of_rows(tokens):
            return True
    text = _without_name(trigger)
    return any(_without_name(o) == text for o in after.of("trigger") if fold(o.table) == fold(owner.name))


def _gone(old: Definition, new: Definition, renamed: Mapping[str, str]) -> set[str]:
    """The columns, folded, that the new table has no more."""
    now = {clause.name for clause in new.columns}
    return {clause.name for clause in old.columns if renamed.get(clause.name, clause.name) not in now}


def _columns_of_rows(tokens: list[Token]) -> set[str]:
    """The columns that a trigger names of its own table, folded: NEW.x, OLD.x and those behind UPDATE OF."""
    names = {
        column.name
        for (row, dot), (_, column) in pairwise(pairwise(tokens))
        if dot.text == "." and row.name in ("new", "old")
    }
    for place, (update, of) in enumerate(pairwise(tokens)):
        if (update.word, of.word) == ("UPDATE", "OF"):
            for token in tokens[place + 2 :]:
                if token.word == "ON":
                    return names
                names.add(token.name)
    return names


def _without_name(trigger: Object) -> str:
    """The canonical text of ``trigger`` as if it were called ``t``."""
    tokens = tokenize(trigger.sql)
    place = next((p for p, token in enumerate(tokens) if token.name == fold(trigger.name)), 0)
    name = tokens[place]
    return normalise(f"{trigger.sql[: name.start]}t{trigger.sql[name.end :]}")
