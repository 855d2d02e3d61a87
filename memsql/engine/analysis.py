"""What the text of a migration says it will do, and what it must not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memsql.engine.statements import texts
from memsql.errors import FileError, Location
from memsql.project.files import SqlFile
from memsql.sqltext import (
    Statement,
    bulk_table,
    effect,
    fold,
    forbidden_in_transaction,
    may_concern,
    may_control_transactions,
    skip_to_code,
    statements,
)

# Not the function replace(); a word in a comment or string, or that another one ends in, only costs a count.
_REPLACES = re.compile(r"[Rr][Ee][Pp][Ll][Aa][Cc][Ee]\b(?!\s*\()")
_RETURNS = re.compile(rb"create|rename", re.IGNORECASE)
_ARMS = re.compile(rb"replace", re.IGNORECASE)
_LEDGER = re.compile(rb"schema_migrations|memsql_|yoyo", re.IGNORECASE)
# Larger files cost more to search than what is to be saved by it.
_SEARCHED = 1 << 16
_HARMLESS = frozenset({"insert", "create", "select"})
_SOME = re.compile(r"\b(?:WHERE|LIMIT)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the text of a file says it will do, names in lower case.

    ``drops``: tables it drops; ``empties``: tables from which it DELETEs every row; ``strips``: tables it takes
    columns from; ``deletes``: tables it DELETEs from by name; ``updates``: tables it UPDATEs; ``renames``: (old,
    new) in file order; ``columns``: (table, old, new) of renamed columns; ``dropped``: indexes, triggers and views
    dropped by name; ``replaces``: rows may be replaced; ``rebuilds``: a table that it drops may be there again
    afterwards; ``arms``: it may create what replaces rows; ``reads_ledger``: it may look at our tables or yoyo's.
    ``bulk``: by the byte it ends at, each piece of likely_cuts of a large file that only inserts into one table,
    and that table as it is spelled.
    """

    empty: bool
    drops: frozenset[str] = frozenset()
    strips: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    empties: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    renames: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()
    dropped: frozenset[str] = frozenset()
    replaces: bool = False
    rebuilds: bool = True
    arms: bool = True
    reads_ledger: bool = True
    bulk: Mapping[int, str] = field(default_factory=dict)


def analyse(file: SqlFile, *, transactional: bool = True) -> Analysis:
    """Read ``file`` for what it will do, and refuse what must not run inside a transaction.

    Raises FileError for BEGIN, COMMIT, ATTACH and their like, with file, line and statement.
    """
    # A wrong cut is no harm here: nobody's statement begins behind it without a `;` before.
    empty = True
    concerns = False
    bulk: dict[int, str] = {}
    is_large = len(file.likely_cuts) > 1
    for text, _, end in texts(file, likely=True):
        if is_large and (table := bulk_table(text)) is not None:
            bulk[end] = table
            empty = False
            continue
        empty = empty and skip_to_code(text, 0) == len(text)
        concerns = concerns or may_concern(text)
    drops: set[str] = set()
    strips: set[str] = set()
    deletes: set[str] = set()
    empties: set[str] = set()
    updates: set[str] = set()
    dropped: set[str] = set()
    renames: list[tuple[str, str]] = []
    columns: list[tuple[str, str, str]] = []
    replaces = False
    for text, start, _ in texts(file) if concerns else ():
        if not may_concern(text):
            continue
        replaces = replaces or _REPLACES.search(text) is not None
        for statement in statements(text, without=_HARMLESS):
            what = effect(statement.text)
            if forbidden_in_transaction(what) and (transactional or what.kind != "vacuum"):
                raise _forbidden(file, start, statement)
            if transactional and what.kind == "pragma" and (what.name or "").lower() == "foreign_keys":
                raise _forbidden(file, start, statement)
            name = fold(what.name or "")
            if what.kind == "drop" and what.object_type in ("table", "virtual"):
                drops.add(name)
            elif what.kind == "drop":
                dropped.add(name)
            elif what.kind == "alter_drop_column":
                strips.add(name)
            elif what.kind == "alter_rename" and what.new_name:
                renames.append((name, fold(what.new_name)))
            elif what.kind == "alter_rename_column" and what.column and what.new_name:
                columns.append((name, fold(what.column), fold(what.new_name)))
            elif what.kind == "update":
                updates.add(name)
            elif what.kind == "delete" and what.schema != "temp":
                deletes.add(name)
                if not _SOME.search(statement.text):
                    empties.add(name)
    searched = len(file.data) <= _SEARCHED
    return Analysis(
        empty,
        frozenset(drops),
        frozenset(strips),
        frozenset(deletes),
        frozenset(empties),
        frozenset(updates),
        tuple(renames),
        tuple(columns),
        frozenset(dropped),
        replaces,
        rebuilds=not searched or _RETURNS.search(file.data) is not None,
        arms=not searched or _ARMS.search(file.data) is not None,
        reads_ledger=not searched or _LEDGER.search(file.data) is not None,
        bulk=bulk,
    )


def refuse_forbidden(file: SqlFile, *, transactional: bool) -> None:
    """What analyse() refuses, without its answer: for a file that may run some day. Raises FileError."""
    for text, _, _ in texts(file, likely=True):
        if may_control_transactions(text) or "foreign_keys" in text.lower():
            analyse(file, transactional=transactional)
            return


def _forbidden(file: SqlFile, start: int, statement: Statement) -> FileError:
    """``statement``, of the text that starts at byte ``start``, must not run."""
    word = statement.text.split(None, 1)[0].upper()
    if word == "PRAGMA":
        message = f"{file.path} sets PRAGMA foreign_keys, which does nothing inside a transaction"
        hint = "remove it, and write `-- foreign_keys: off` into the header of the file"
    elif word == "VACUUM":
        message = f"{file.path} runs VACUUM, which cannot run inside a transaction"
        hint = "move it into a migration of its own with `-- transactional: false` in its header"
    else:
        message = f"{file.path} runs {word}, which would break the transaction around the migration"
        hint = f"remove {word}: memsql begins, proves and commits each migration itself"
    return FileError(
        message,
        where=Location(file.path, file.data.count(b"\n", 0, start) + statement.line),
        statement=statement.text,
        state="nothing was changed",
        hint=hint,
    )
