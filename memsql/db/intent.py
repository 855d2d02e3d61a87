"""What a request is about to do, read from its text: whether its loss is harmless, and what a stream must
be told again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from memsql.db.protocol import Item, Script
from memsql.sqltext import effect, may_control_transactions, statements

# What a new stream must be told again. Other settings lie in the database file or end with the transaction.
_OF_THE_STREAM = frozenset(
    {
        "foreign_keys",
        "ignore_check_constraints",
        "case_sensitive_like",
        "cache_size",
        "temp_store",
        "trusted_schema",
        "reverse_unordered_selects",
    }
)
_READERS = frozenset(
    {
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "foreign_key_check",
        "integrity_check",
        "quick_check",
    }
)


@dataclass(slots=True)
class Intent:
    """``writes``: it changes data or schema. ``opens``: it leaves a transaction open that it began.
    ``keeps``: when all of it ran, something may be committed. ``settings``: pragmas of the stream that it
    sets, by name."""

    writes: bool = False
    opens: bool = False
    keeps: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice is the same as doing it once."""
        return not (self.writes or self.opens or self.keeps)


def intent(items: Sequence[Item], in_transaction: bool) -> Intent:
    """What ``items`` do on a stream that is in a transaction or not."""
    found = Intent()
    inside = in_transaction
    for text in _texts(items, inside):
        what = effect(text)
        if what.kind == "transaction":
            if what.name in ("COMMIT", "END", "RELEASE"):
                found.keeps = True
            inside = what.name in ("BEGIN", "SAVEPOINT", "RELEASE") or (
                what.name == "ROLLBACK" and "TO" in text.upper().split()
            )
            continue
        if what.kind in ("select", "explain"):
            continue
        if what.kind == "pragma" and what.name is not None:
            if _only_reads(text, what.name):
                continue
            if what.name in _OF_THE_STREAM:
                if not inside:
                    found.settings[what.name] = text
                continue
        found.writes = True
        found.keeps = found.keeps or not inside
    found.opens = inside and not in_transaction
    return found


def _only_reads(text: str, name: str) -> bool:
    if "=" in text:
        return False
    return "(" not in text or name in _READERS


def _texts(items: Sequence[Item], in_transaction: bool) -> Iterator[str]:
    for item in items:
        if not isinstance(item, Script):
            yield item[0]
        elif in_transaction and not may_control_transactions(item.sql):
            # A text of megabytes inside a transaction: that it writes is all that matters.
            yield "UPDATE"
        else:
            yield from (s.text for s in statements(item.sql))
