"""PRAGMAs in migrations: what one sets, which ones a migration may set, and why (https://sqlite.org/pragma.html).

The list names what is allowed. A PRAGMA that is not on it cannot be set, whatever a newer SQLite makes of it; reading a
setting is always allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Literal, NamedTuple

from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import Token, scan

Reach = Literal["reads", "database", "file", "work", "outside", "keys"]
"""What a PRAGMA with a value reaches:

* reads: nothing. The value names what to look at.
* database: the database, as a part of what the migration changes; a ROLLBACK undoes it.
* file: the statements of the file behind it. It holds for the connection and is set back after the file.
* work: nothing that a later statement could notice; it does some work.
* outside: the database, and it does not work inside a transaction.
* keys: whether foreign keys are enforced, which memsql sets before the transaction.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """A PRAGMA that a migration may set: its ``reach``, the ``reason`` why it may, and the ``values`` that it may get
    (none: any), in lower case."""

    reach: Reach
    reason: str
    values: frozenset[str] = frozenset()


class Pragma(NamedTuple):
    """A PRAGMA statement: its ``name`` in lower case, and its ``value`` without quotes, None where there is none."""

    name: str
    value: str | None


_SPEED = "it changes how fast statements run and how much memory they take, not what they do"
ALLOWED: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            "foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check",
            "quick_check", "table_info", "table_list", "table_xinfo",
        ),
        Rule("reads", "the value names a table or a number of lines"),
    ),
    "user_version": Rule("database", "a number of the application's own in the header of the database"),
    "application_id": Rule("database", "a number of the application's own in the header of the database"),
    "defer_foreign_keys": Rule("file", "foreign keys are checked all the same, after the statements"),
    "legacy_alter_table": Rule("file", "a table that is renamed first and made anew keeps what refers to it"),
    "recursive_triggers": Rule("file", "a REPLACE of the file fires the triggers of DELETE, or it does not"),
    "secure_delete": Rule("file", "what the file deletes is overwritten"),
    **dict.fromkeys(
        ("analysis_limit", "automatic_index", "busy_timeout", "cache_size", "cache_spill", "threads"),
        Rule("file", _SPEED),
    ),
    "incremental_vacuum": Rule("work", "it gives free pages back and changes no row"),
    "optimize": Rule("work", "it gathers statistics and changes no row"),
    "shrink_memory": Rule("work", "it frees memory"),
    "encoding": Rule("work", "UTF-8 is what the database has", frozenset({"utf-8", "utf8"})),
    "journal_mode": Rule("outside", "these undo a transaction", frozenset({"delete", "persist", "truncate", "wal"})),
    "page_size": Rule("outside", "VACUUM writes the database with pages of this size"),
    "auto_vacuum": Rule("outside", "VACUUM writes the database so that free pages can be given back"),
    "wal_checkpoint": Rule("outside", "it moves pages from the log into the database"),
    "foreign_keys": Rule("keys", "OFF before and ON behind the statements mean `-- foreign_keys: off`"),
}  # fmt: skip
SERVER_SETS = frozenset({"defer_foreign_keys", "encoding", "foreign_keys", "user_version"})
"""The PRAGMAs that a libSQL server lets a client set (tried against sqld 0.24)."""
_WORKS_ALONE = frozenset({"incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint"})
_PENDING = frozenset({"page_size", "auto_vacuum"})
# Set for a connection, they say nothing about the database.
_APPLICATION = frozenset(
    {
        "cell_size_check", "checkpoint_fullfsync", "fullfsync", "journal_size_limit", "locking_mode", "mmap_size",
        "read_uncommitted", "synchronous", "temp_store", "trusted_schema", "wal_autocheckpoint",
    }
)  # fmt: skip
_DANGEROUS = {
    "case_sensitive_like": "changes what LIKE means in existing constraints and indexes, and cannot be read back",
    "default_cache_size": "is deprecated, and nothing shows what it did",
    "ignore_check_constraints": "lets rows in that break a CHECK",
    "journal_mode": "leaves nothing that could undo a transaction",
    "encoding": "does nothing to a database that exists; memsql's ledger is in it before the first migration",
    "query_only": "stops every write, those of memsql's ledger too",
    "writable_schema": "lets statements change the schema behind the proof, and can damage the database",
}  # fmt: skip
_ON = frozenset({"on", "yes", "true"})


def read_pragma(text: str) -> Pragma | None:
    """The PRAGMA in a statement, also behind EXPLAIN, for SQLite sets some of them while it compiles; None where it is
    another statement."""
    tokens = _first_tokens(text)
    if tokens and tokens[0].word == "EXPLAIN":
        tokens = tokens[3 if [t.word for t in tokens[1:3]] == ["QUERY", "PLAN"] else 1 :]
    if len(tokens) < 2 or tokens[0].word != "PRAGMA":
        return None
    at = 3 if len(tokens) > 3 and tokens[2].word == "." else 1
    value = takewhile(lambda token: token.word not in (")", ";"), tokens[at + 2 :])
    has_value = len(tokens) > at + 1 and tokens[at + 1].word in ("=", "(")
    return Pragma(fold(unquote(tokens[at].text)), "".join(unquote(t.text) for t in value) if has_value else None)


def is_on(value: str) -> bool:
    """Whether ``value`` switches a setting on; SQLite takes any word that it does not know for off."""
    return value.strip("0") != "" if value.isdecimal() else value.lower() in _ON


def changes(pragma: Pragma) -> bool:
    """Whether it does more than read a setting."""
    rule = ALLOWED.get(pragma.name)
    return pragma.name in _WORKS_ALONE or (pragma.value is not None and (rule is None or rule.reach != "reads"))


def rule_of(pragma: Pragma) -> Rule | None:
    """The rule that lets a migration set it so; None where nothing does."""
    rule = ALLOWED.get(pragma.name)
    if rule is None or (rule.values and (pragma.value or "").lower() not in rule.values):
        return None
    return rule


def is_set_back(name: str) -> bool:
    """Whether what it sets must be set back after the file, because it holds for the connection or for a VACUUM yet to
    come."""
    rule = ALLOWED.get(name)
    return name in _PENDING or (rule is not None and rule.reach == "file")


def is_settled(name: str) -> bool:
    """Whether after the file the value of the database itself holds, and not the one of before: a VACUUM in the file
    may have changed it."""
    return name in _PENDING


def says_nothing_of_database(pragma: Pragma) -> bool:
    """Whether the database is the same without it, which is no setting that a migration may have: it holds for one
    connection, or SQLite does not know it."""
    return pragma.name not in _DANGEROUS and pragma.name not in ALLOWED


def refused(pragma: Pragma) -> tuple[str, str]:
    """Why a migration must not set it, as the end of a sentence that begins with its name, and what to do instead."""
    if pragma.name in _DANGEROUS:
        rule = ALLOWED.get(pragma.name)
        allowed = ", ".join(sorted(rule.values)).upper() if rule else ""
        return f"which {_DANGEROUS[pragma.name]}", f"remove it, or choose one of {allowed}" if allowed else "remove it"
    if pragma.name in _APPLICATION:
        return (
            "which holds for one connection and says nothing about the database",
            "remove it, and set it where the application opens its connection",
        )
    return "which is not on the list of what a migration may set (docs/formats.md)", "remove it, or correct its name"


def _first_tokens(text: str) -> list[Token]:
    """As many tokens as a PRAGMA can have. Other statements may have millions."""
    matches = ((match, match.lastgroup) for match in islice(scan(text), 12))
    return [Token(kind, match[kind], match.start(kind)) for match, kind in matches if kind is not None]
