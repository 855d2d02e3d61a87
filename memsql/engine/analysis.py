"""What the text of a migration says it will do, and what it must not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memsql.engine.statements import texts
from memsql.errors import FileError, Location
from memsql.project.files import SqlFile
from memsql.sqltext import (
    Effect,
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

# Not the function replace(). In a comment, in a string, or as the end of another word it only costs a needless count.
_REPLACES = re.compile(r"[Rr][Ee][Pp][Ll][Aa][Cc][Ee]\b(?!\s*\()")
_RETURNS = re.compile(rb"create|rename", re.IGNORECASE)
_ARMS = re.compile(rb"replace", re.IGNORECASE)
# A virtual table that was created and undone breaks the next savepoint, so its file must run once and no more.
_CHANGES = re.compile(r"update|conflict|virtual", re.IGNORECASE)
_LEDGER = re.compile(rb"schema_migrations|memsql_|yoyo", re.IGNORECASE)
# To search a larger file costs more than the search can save.
_SEARCHED = 1 << 16
_HARMLESS = frozenset({"insert", "create", "select"})
_SOME = re.compile(r"\b(?:WHERE|LIMIT)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the text of a file says it will do; names are folded.

    ``empty``: it holds no statement.
    ``measured``: it may drop, change or delete, so that its statements run one by one and are accounted for.
    ``drops``: tables that it drops. ``strips``: tables from which it drops columns.
    ``deletes``: tables from which it DELETEs by name. ``empties``: those from which it DELETEs every row.
    ``updates``: tables that it UPDATEs.
    ``renames``: renamed tables as (old, new), in file order. ``columns``: renamed columns as (table, old, new).
    ``dropped``: indexes, triggers and views that it drops by name.
    ``replaces``: a statement may replace rows. ``arms``: it may create a constraint or trigger that replaces rows.
    ``rebuilds``: a table that it drops may be created again.
    ``reads_ledger``: it may read or write the tables of memsql or yoyo.
    ``bulk``: the pieces of a large file (see SqlFile.likely_cuts) that only insert into one table: the byte behind the
    piece to the table, spelled as there.
    """

    empty: bool
    measured: bool = True
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
    """Read what ``file`` will do, and refuse what must not run inside a transaction.

    Raises FileError for BEGIN, COMMIT, ATTACH and their like, with file, line and statement.
    """
    outline = _outline(file)
    reader = _Reader(file, transactional)
    # A file of which no piece may do anything of interest is read no further.
    for text, start, _ in texts(file) if outline.concerns else ():
        if may_concern(text):
            reader.read(text, start)
    searched = len(file.data) <= _SEARCHED
    return Analysis(
        empty=outline.empty,
        measured=outline.measured,
        drops=frozenset(reader.drops),
        strips=frozenset(reader.strips),
        deletes=frozenset(reader.deletes),
        empties=frozenset(reader.empties),
        updates=frozenset(reader.updates),
        renames=tuple(reader.renames),
        columns=tuple(reader.columns),
        dropped=frozenset(reader.dropped),
        replaces=reader.replaces,
        rebuilds=not searched or _RETURNS.search(file.data) is not None,
        arms=not searched or _ARMS.search(file.data) is not None,
        reads_ledger=not searched or _LEDGER.search(file.data) is not None,
        bulk=outline.bulk,
    )


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a quick look at the pieces of a file tells: see Analysis. ``concerns``: some piece has to be read."""

    empty: bool
    concerns: bool
    measured: bool
    bulk: Mapping[int, str]


def _outline(file: SqlFile) -> _Outline:
    # A cut in the wrong place does no harm here: no statement begins behind it without a ";" before.
    empty, concerns, changes = True, False, False
    bulk: dict[int, str] = {}
    is_large = len(file.likely_cuts) > 1
    for text, _, end in texts(file, likely=True):
        if is_large and (table := bulk_table(text)) is not None:
            bulk[end] = table
            empty = False
            continue
        empty = empty and skip_to_code(text, 0) == len(text)
        concerns = concerns or may_concern(text)
        changes = changes or concerns or _CHANGES.search(text) is not None
    return _Outline(empty, concerns, changes, bulk)


class _Reader:
    """Gathers what the statements of a file do; the attributes are those of Analysis."""

    def __init__(self, file: SqlFile, transactional: bool) -> None:
        self._file = file
        self._transactional = transactional
        self.drops: set[str] = set()
        self.strips: set[str] = set()
        self.deletes: set[str] = set()
        self.empties: set[str] = set()
        self.updates: set[str] = set()
        self.dropped: set[str] = set()
        self.renames: list[tuple[str, str]] = []
        self.columns: list[tuple[str, str, str]] = []
        self.replaces = False

    def read(self, text: str, start: int) -> None:
        """Read the whole statements in ``text``, which begins at byte ``start`` of the file. Raises FileError."""
        self.replaces = self.replaces or _REPLACES.search(text) is not None
        for statement in statements(text, without=_HARMLESS):
            what = effect(statement.text)
            if self._is_forbidden(what):
                raise _forbidden(self._file, start, statement)
            self._add(what, statement.text)

    def _is_forbidden(self, what: Effect) -> bool:
        if forbidden_in_transaction(what):
            return self._transactional or what.kind != "vacuum"
        return self._transactional and what.kind == "pragma" and (what.name or "").lower() == "foreign_keys"

    def _add(self, what: Effect, text: str) -> None:
        name = fold(what.name or "")
        if what.kind == "drop":
            (self.drops if what.object_type in ("table", "virtual") else self.dropped).add(name)
        elif what.kind == "alter_drop_column":
            self.strips.add(name)
        elif what.kind == "alter_rename" and what.new_name:
            self.renames.append((name, fold(what.new_name)))
        elif what.kind == "alter_rename_column" and what.column and what.new_name:
            self.columns.append((name, fold(what.column), fold(what.new_name)))
        elif what.kind == "update":
            self.updates.add(name)
        elif what.kind == "delete" and what.schema != "temp":
            self.deletes.add(name)
            if not _SOME.search(text):
                self.empties.add(name)


def refuse_forbidden(file: SqlFile, *, transactional: bool) -> None:
    """Raise FileError for what analyse() refuses, quicker than analyse(): for a rollback that does not run now."""
    for text, _, _ in texts(file, likely=True):
        if may_control_transactions(text) or "foreign_keys" in text.lower():
            analyse(file, transactional=transactional)
            return


def _forbidden(file: SqlFile, start: int, statement: Statement) -> FileError:
    """The error for ``statement`` of the text that begins at byte ``start`` of ``file``: it must not run."""
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
