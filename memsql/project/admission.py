"""Which statements may stand in a migration: refused is what would end its transaction, go round its proof, outlive the
file, or write the tables of the ledger.

Pure, and the one place for it: the engine refuses before anything runs, lint says the same earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from memsql import hints
from memsql.sqltext import Effect, MigrationHeader, effect, fold, forbidden_in_transaction, statements
from memsql.sqltext.internal import BOOKKEEPING, KEPT, RECORDS, owner_of
from memsql.sqltext.pragmas import Pragma, changes, is_on, read_pragma, refused, rule_of
from memsql.sqltext.tokens import tokenize

Mode = Literal["transaction", "stepwise", "legacy", "replay"]
"""How a file runs: in a transaction; ``stepwise``, without one; a ``legacy`` upgrade, which runs in a transaction and
writes memsql_legacy_objects; ``replay``, on a scratch database, because it was applied elsewhere long ago, when other
rules held."""
Topic = Literal["transaction", "setting", "stepwise", "ledger", "shadow"]
"""What a refused statement would harm."""
Place = TypeVar("Place")

LEDGER_WORDS = ("schema_migrations", "memsql_", "yoyo", "libsql_", "_litestream_")
"""One of these occurs, in any case, in every text that names a table of the ledger, or of an engine."""
_LEGACY_OBJECTS = "memsql_legacy_objects"
_ALONE = frozenset({"vacuum", "reindex", "analyze", "select", "explain"})
_WITHOUT = "VACUUM, REINDEX, ANALYZE, and PRAGMA journal_mode, page_size, auto_vacuum or wal_checkpoint"
_ELSEWHERE = "move it into a migration of its own with `-- transactional: false` in its header"
_WRITES = frozenset({"insert", "replace", "update", "delete"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a statement must not run: what it does, as the end of a sentence that begins with the file, and what to do
    instead."""

    topic: Topic
    message: str
    hint: str


def refusal(text: str, what: Effect, mode: Mode, *, may_name_ledger: bool = True) -> Refusal | None:
    """Why the statement ``text`` with the effect ``what`` must not stand in a file that runs in ``mode``; None where it
    may. PRAGMA foreign_keys is judged by left_off(). ``may_name_ledger``: see names_ledger()."""
    if mode == "replay" and what.kind not in ("transaction", "attach", "detach", "vacuum"):
        return None
    if what.kind in ("pragma", "explain"):
        pragma = read_pragma(text)
        return _setting(pragma, mode) if pragma is not None else None
    if what.kind == "vacuum":
        return _vacuum(text, mode)
    if forbidden_in_transaction(what):
        word = _first_word(text)
        return Refusal(
            "transaction",
            f"runs {word}, which would break the transaction around the migration",
            f"remove {word}: memsql begins, proves and commits each migration itself",
        )
    if mode == "stepwise" and what.kind not in _ALONE:
        return Refusal(
            "stepwise",
            f"runs {_first_word(text)} with `-- transactional: false`, so that nobody could prove or undo it",
            f"move it into a migration with a transaction; the directive is for {_WITHOUT}",
        )
    return _ledger(text, what, mode) if may_name_ledger and names_ledger(text) else None


def left_off(switches: Sequence[tuple[str, Place]]) -> Place | None:
    """Where a file switches foreign keys off and not on again; None where it does not. ``switches``: the values that
    PRAGMA foreign_keys gets, in the order of the file, each with its place."""
    return switches[-1][1] if switches and not is_on(switches[-1][0]) else None


def off_and_on(switches: Sequence[tuple[str, Place]]) -> bool:
    """Whether the file switches foreign keys off and on again, which means ``-- foreign_keys: off``."""
    return any(not is_on(value) for value, _ in switches) and left_off(switches) is None


def left_off_refusal() -> Refusal:
    """Why left_off() is no."""
    return Refusal(
        "setting",
        "sets PRAGMA foreign_keys and not back, which does nothing inside a transaction",
        "remove it, and write `-- foreign_keys: off` into the header of the file",
    )


def foreign_keys_off(text: str) -> bool:
    """off_and_on() of the whole ``text`` of a file."""
    if "foreign_keys" not in text.lower():
        return False
    pragmas = (read_pragma(statement.text) for statement in statements(text))
    return off_and_on([(p.value, 0) for p in pragmas if p and p.name == "foreign_keys" and p.value is not None])


def enforces_keys(header: MigrationHeader, text: str) -> bool:
    """Whether foreign keys hold while a file with ``header`` and this ``text`` runs."""
    return header.foreign_keys and not foreign_keys_off(text)


def ledger_table(name: str | None) -> str | None:
    """``name``, folded, where it is a table of memsql or yoyo; else None."""
    folded = fold(name or "")
    return folded if folded in BOOKKEEPING else None


def names_ledger(text: str) -> bool:
    """Whether ``text`` may name a table of the ledger; False is certain."""
    lower = text.lower()
    return any(word in lower for word in LEDGER_WORDS)


def in_ledger(name: str) -> bool:
    """Whether the table ``name`` is one of those in which memsql and yoyo record what was applied."""
    return fold(name) in RECORDS


def _first_word(text: str) -> str:
    return text.split(None, 1)[0].upper()


def _setting(pragma: Pragma, mode: Mode) -> Refusal | None:
    name = f"PRAGMA {pragma.name}"
    if not changes(pragma):
        return None
    if pragma.name == "foreign_keys" and mode == "legacy" and not is_on(pragma.value or ""):
        return Refusal("setting", f"sets {name}, and legacy upgrades run with foreign keys", "remove it")
    rule = rule_of(pragma)
    if rule is None:
        why, hint = refused(pragma)
        return Refusal("setting", f"sets {name}, {why}", hint)
    if rule.reach == "outside" and mode != "stepwise":
        return Refusal("setting", f"sets {name}, which does not work inside a transaction", _ELSEWHERE)
    if rule.reach == "database" and mode == "stepwise":
        return Refusal(
            "stepwise",
            f"sets {name} with `-- transactional: false`, so that nobody could undo it",
            f"move it into a migration with a transaction; the directive is for {_WITHOUT}",
        )
    return None


def _vacuum(text: str, mode: Mode) -> Refusal | None:
    if any(token.word == "INTO" for token in tokenize(text)):
        return Refusal(
            "setting",
            "runs VACUUM INTO, which writes another file and changes nothing in the database",
            f"remove it; a copy of the database is made by: {hints.command('backup.create')}",
        )
    if mode in ("stepwise", "replay"):
        return None
    return Refusal("setting", "runs VACUUM, which cannot run inside a transaction", _ELSEWHERE)


def _ledger(text: str, what: Effect, mode: Mode) -> Refusal | None:
    makes = what.kind == "create" and what.object_type in ("table", "virtual", "view")
    new = what.name if makes else what.new_name if what.kind == "alter_rename" else None
    if new is not None and fold(new).startswith(KEPT):
        return Refusal(
            "ledger",
            f"makes a table {new}, and names that begin with {KEPT} are taken: memsql keeps rows under them while it "
            "proves a migration on a server",
            "give it another name",
        )
    owner = owner_of(new) if new is not None else None
    if new is not None and owner is not None:
        return Refusal(
            "ledger",
            f"makes a table {fold(new)}, and that name is taken: {owner} keeps its own records there",
            "remove the statement where another tool wrote it, for "
            f"{'memsql keeps the list of migrations' if owner == 'memsql' else f'{owner} makes that table'} itself; "
            "a table of the application needs another name",
        )
    written = written_names(text, what)
    if mode == "legacy":
        written = [table for table in written if fold(table) != _LEGACY_OBJECTS]
    for name in written:
        owner = owner_of(name)
        # Rows of Litestream are accounted for as anybody's.
        if owner in ("memsql", "libSQL"):
            mended = f", and what memsql recorded wrongly is mended by: {hints.command('migrate.repair')}"
            return Refusal(
                "ledger",
                f"writes {fold(name)}, which belongs to {owner}: its records would no longer be true",
                f"remove the statement; a migration may read the table{mended if owner == 'memsql' else ''}",
            )
    return None


def written_names(text: str, what: Effect) -> list[str]:
    """The tables, without quotes, that a statement writes or changes by name; a trigger those in its body too."""
    names = [what.table] if what.kind == "create" else []
    if what.kind in _WRITES or what.kind.startswith("alter_") or (what.kind == "drop" and what.object_type == "table"):
        names.append(what.name)
    if what.kind == "create" and what.object_type == "trigger":
        for token in tokenize(text):
            if token.word == "BEGIN":
                effects = map(effect, (statement.text for statement in statements(text[token.end :])))
                names += [inner.name for inner in effects if inner.kind in _WRITES]
    return [name for name in names if name]
