"""Which indexes and triggers went with a table that was rebuilt, or with a view that was made anew. Pure.

The engine asks this of the database that a migration ran on, and lint of one that it made in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memsql.schema.keys import is_covered, key_of_index, keys_of_table
from memsql.schema.meaning import index_rules, statement_text
from memsql.schema.model import Object, Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold
from memsql.sqltext.tokens import Token, tokenize


@dataclass(frozen=True, slots=True)
class NameChanges:
    """What the text of a migration does to names, all folded: the indexes, triggers and views that it drops by name;
    the tables that it renames as (old, new), and the columns as (table, old, new), in file order."""

    dropped: frozenset[str]
    renames: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str, str], ...]

    def names_of(self, table: str) -> list[str]:
        """The names that ``table`` (folded) has during the migration, in the order it gets them."""
        names = [table]
        for old, new in self.renames:
            if old == names[-1]:
                names.append(new)
        return names


@dataclass(frozen=True, slots=True)
class Remade:
    """Two schemas, before and after a migration that makes ``names`` other ones. They hold at least the tables and
    views that are made anew, with their indexes and triggers, and the tables that these name."""

    old: Schema
    new: Schema
    names: NameChanges

    def loses(self, obj: Object, owner: str) -> bool:
        """Whether the index or trigger ``obj`` of the old schema is lost, though the table or view that it was on is
        there, as ``owner``.

        It is not where the text drops it by name, a column that it needs is gone, or another index, key or trigger
        does the same.
        """
        if fold(obj.name) in self.names.dropped:
            return False
        if any(fold(o.name) == fold(obj.name) for o in self.new.of(owner, obj.type)):
            return False
        names = self.names.names_of(fold(obj.table))
        renamed = {old: new for table, old, new in self.names.columns if table in names}
        is_excused = self._index_is_excused if obj.type == "index" else self._trigger_is_excused
        return not is_excused(obj, owner, renamed)

    def _index_is_excused(self, index: Object, owner: str, renamed: Mapping[str, str]) -> bool:
        old, new = self.old.table(index.table), self.new.table(owner)
        if old is None or new is None:
            return False
        rules = index_rules(index, self.old)
        if rules.unread:
            return False
        named = rules.columns | {t.name for t in tokenize(rules.where) if t.kind in ("word", "quoted")}
        if _gone(old, new, renamed) & named:
            return True
        indexes = [index_rules(o, self.new) for o in self.new.of(owner, "index")]
        return is_covered(key_of_index(rules, rules_of(old), renamed), keys_of_table(rules_of(new), indexes))

    def _trigger_is_excused(self, trigger: Object, owner: str, renamed: Mapping[str, str]) -> bool:
        old, new = self.old.table(trigger.table), self.new.table(owner)
        tables = old is not None and new is not None and "view" not in (old.kind, new.kind)
        if old and new and tables and _gone(old, new, renamed) & _columns_of_rows(tokenize(trigger.sql)):
            return True
        text = statement_text(trigger, self.old)
        return any(statement_text(o, self.new) == text for o in self.new.of(owner, "trigger"))


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
