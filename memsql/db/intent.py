"""What a request to a server is about to do, read from its SQL.

It decides what to do when the answer is lost, and which settings a new stream needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

from memsql import sqltext
from memsql.db.protocol import Item, Script

# Settings of one stream. Others lie in the database file, or end with the transaction.
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
# PRAGMAs whose argument is what to read, not a value to set.
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
    """What a request does. ``writes``: it changes data or schema. ``opens``: it begins a transaction and leaves it
    open. ``keeps``: when all of it ran, something may be committed. ``outside``: it writes or commits something outside
    of a transaction that it began itself. ``inside``: whether a transaction is open when all of it ran, None where that
    is not known. ``settings``: the settings of the stream that it makes, the text of the PRAGMA by its name."""

    _: KW_ONLY
    writes: bool = False
    opens: bool = False
    keeps: bool = False
    outside: bool = False
    inside: bool | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the same result as sending it once."""
        return not (self.writes or self.opens or self.keeps)


def intent_of(items: Sequence[Item], in_transaction: bool) -> Intent:
    """What ``items`` do on a stream that is in a transaction, or is not.

    For example, outside a transaction an INSERT writes and keeps; inside one it only writes.
    """
    result = Intent()
    inside, certain = in_transaction, True
    for text in _texts(items, inside):
        effect = sqltext.effect(text)
        if effect.kind == "transaction":
            if effect.name in ("COMMIT", "END", "RELEASE"):
                result.keeps = True
                result.outside = result.outside or not inside
                certain = effect.name != "RELEASE"
            inside = effect.name in ("BEGIN", "SAVEPOINT", "RELEASE") or (
                effect.name == "ROLLBACK" and "TO" in text.upper().split()
            )
            continue
        if effect.kind in ("select", "explain"):
            continue
        if effect.kind == "pragma" and effect.name is not None:
            if _only_reads(text, effect.name):
                continue
            if effect.name in _OF_THE_STREAM:
                if not inside:
                    result.settings[effect.name] = text
                continue
        result.writes = True
        result.keeps = result.keeps or not inside
        result.outside = result.outside or not inside
    result.inside = inside if certain else None
    result.opens = inside and not in_transaction
    return result


def _only_reads(text: str, pragma: str) -> bool:
    if "=" in text:
        return False
    return "(" not in text or pragma in _READERS


def _texts(items: Sequence[Item], in_transaction: bool) -> Iterator[str]:
    for item in items:
        if not isinstance(item, Script):
            yield item[0]
        elif in_transaction and not sqltext.may_control_transactions(item.sql):
            # Not split, because it may have megabytes: all that matters is that it writes.
            yield "UPDATE"
        else:
            yield from (s.text for s in sqltext.statements(item.sql))
