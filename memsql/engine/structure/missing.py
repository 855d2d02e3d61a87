"""Which indexes and triggers went with a table that was rebuilt, or with a view that was made anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memsql.engine.analysis import Analysis
from memsql.engine.structure.excerpt import Excerpts, names_of
from memsql.engine.structure.keys import is_covered, key_of_index, keys_of_table
from memsql.engine.structure.snapshot import Change, Snapshot, StoredObject
from memsql.schema.meaning import index_rules, statement_text
from memsql.schema.model import Object, Table
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold
from memsql.sqltext.tokens import Token, tokenize


@dataclass(frozen=True, slots=True)
class Missing:
    """An index or a trigger that is gone, though the table or view ``owner`` that it was on is there."""

    object: StoredObject
    owner: StoredObject

    def __str__(self) -> str:
        """The sentence about it."""
        table = self.owner.type == "table"
        how = "the rebuild did not create it again" if table else "the view was made anew without it"
        return f"{self.object.type} {self.object.name} on {self.owner.name} is gone: {how}"


def missing(after: Snapshot, change: Change, analysis: Analysis, parts: Excerpts) -> list[Missing]:
    """What is missing in ``after``, except what the text drops by name, what belongs to a column that is gone, and what
    another index, key or trigger does as well. ``analysis``: of the text that made the ``change``."""
    result = []
    for obj in change.gone:
        owner = after.relation(parts.owners.get(fold(obj.table), ""))
        if obj.type not in ("index", "trigger") or owner is None or fold(obj.name) in analysis.dropped:
            continue
        now = after.objects.get((obj.type, fold(obj.name)))
        if now is not None and fold(now.table) == fold(owner.name):
            continue
        names = names_of(fold(obj.table), analysis)
        renamed = {old: new for table, old, new in analysis.columns if table in names}
        is_excused = _index_is_excused if obj.type == "index" else _trigger_is_excused
        if not is_excused(obj, owner, parts, renamed):
            result.append(Missing(obj, owner))
    return result


def _index_is_excused(index: StoredObject, owner: StoredObject, parts: Excerpts, renamed: Mapping[str, str]) -> bool:
    old, new = parts.old.table(index.table), parts.new.table(owner.name)
    if old is None or new is None:
        return False
    rules = index_rules(Object(*index), parts.old)
    if rules.unread:
        return False
    named = rules.columns | {t.name for t in tokenize(rules.where) if t.kind in ("word", "quoted")}
    if _gone(old, new, renamed) & named:
        return True
    indexes = [index_rules(o, parts.new) for o in parts.new.of(owner.name, "index")]
    return is_covered(key_of_index(rules, rules_of(old), renamed), keys_of_table(rules_of(new), indexes))


def _trigger_is_excused(
    trigger: StoredObject, owner: StoredObject, parts: Excerpts, renamed: Mapping[str, str]
) -> bool:
    old, new = parts.old.table(trigger.table), parts.new.table(owner.name)
    if old is not None and new is not None and _gone(old, new, renamed) & _columns_of_rows(tokenize(trigger.sql)):
        return True
    text = statement_text(Object(*trigger), parts.old)
    return any(statement_text(o, parts.new) == text for o in parts.new.of(owner.name, "trigger"))


def _gone(old: Table, new: Table, renamed: Mapping[str, str]) -> set[str]:
    """The columns, folded, that the new table has no more."""
    now = {fold(column.name) for column in new.columns}
    names = (fold(column.name) for column in old.columns)
    return {name for name in names if renamed.get(name, name) not in now}


def _columns_of_rows(tokens: Sequence[Token]) -> set[str]:
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
