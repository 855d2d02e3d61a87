"""What the text of a migration says it will do, and what it must not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from memsql.engine.statements import texts
from memsql.errors import FileError, Location
from memsql.project import admission
from memsql.project.admission import Mode
from memsql.project.files import SqlFile
from memsql.sqltext import (
    Effect,
    MigrationHeader,
    Statement,
    bulk_table,
    effect,
    fold,
    may_concern,
    skip_to_code,
    statements,
)
from memsql.sqltext.pragmas import Pragma, changes, is_set_back, read_pragma

# A virtual table that was created and undone breaks the next savepoint, so its file must run once and no more.
_CHANGES = re.compile(r"update|conflict|virtual|delete-all", re.IGNORECASE)
_LEDGER = tuple(word.encode() for word in admission.LEDGER_WORDS)
# To search a larger file costs more than the search can save.
_SEARCHED = 1 << 16
_HARMLESS = frozenset({"insert", "create", "select"})


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the text of a file says it will do; names are folded.

    ``empty``: it holds no statement.
    ``measured``: it may drop, change or delete, so that its statements run one by one and are accounted for.
    ``drops``: tables that it drops. ``strips``: tables from which it drops columns.
    ``deletes``: tables from which it DELETEs by name.
    ``updates``: tables that it UPDATEs.
    ``renames``: renamed tables as (old, new), in file order. ``columns``: renamed columns as (table, old, new).
    ``dropped``: indexes, triggers and views that it drops by name.
    ``arms``: it may create a constraint or trigger that replaces rows.
    ``counts``: it may ask last_insert_rowid(), changes() or total_changes().
    ``reads_ledger``: it may read or write the tables of memsql or yoyo.
    ``pragmas``: the PRAGMAs that it sets or that do some work. ``settings``: those that are set back after it.
    ``keys_off``: it switches foreign keys off and on again.
    ``makes_temporary``: it may make TEMP objects. ``temporary``: their names, as far as they are known.
    ``replayed``: it was applied elsewhere long ago, so its statements were not judged.
    ``bulk``: the pieces of a large file (see SqlFile.likely_cuts) that only insert into one table: the byte behind the
    piece to the table, spelled as there.
    """

    _: KW_ONLY
    empty: bool
    measured: bool = True
    drops: frozenset[str] = frozenset()
    strips: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    renames: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()
    dropped: frozenset[str] = frozenset()
    arms: bool = True
    counts: bool = True
    reads_ledger: bool = True
    settings: frozenset[str] = frozenset()
    pragmas: frozenset[str] = frozenset()
    keys_off: bool = False
    makes_temporary: bool = True
    temporary: frozenset[str] = frozenset()
    replayed: bool = False
    bulk: Mapping[int, str] = field(default_factory=dict)


def analyse(file: SqlFile, header: MigrationHeader | None = None, mode: Mode | None = None) -> Analysis:
    """Read what ``file`` will do, and refuse what must not stand in it (see admission). ``header``: its own.
    ``mode``: how it runs, if its header does not say that.

    Raises FileError with file, line and statement.
    """
    header = header or MigrationHeader()
    mode = mode or ("transaction" if header.transactional else "stepwise")
    outline = _outline(file)
    searched = len(file.data) <= _SEARCHED
    lower = file.data.lower() if searched else b""
    reads_ledger = not searched or any(word in lower for word in _LEDGER)
    makes_temporary = not searched or b"temp" in lower
    closely = mode == "stepwise" or (searched and (reads_ledger or makes_temporary))
    reader = _Reader(file, mode, closely=closely, may_name_ledger=reads_ledger)
    # A file of which no piece may do anything of interest is read no further.
    for text, start, _ in texts(file) if closely or outline.concerns else ():
        if closely or may_concern(text):
            reader.read(text, start)
    if header.foreign_keys and mode != "replay":
        reader.refuse_left_off()
    _refuse_bulk(file, outline.bulk, mode)
    return Analysis(
        empty=outline.empty,
        measured=outline.measured,
        drops=frozenset(reader.drops),
        strips=frozenset(reader.strips),
        deletes=frozenset(reader.deletes),
        updates=frozenset(reader.updates),
        renames=tuple(reader.renames),
        columns=tuple(reader.columns),
        dropped=frozenset(reader.dropped),
        arms=not searched or b"replace" in lower,
        counts=not searched or names_counter(lower),
        reads_ledger=reads_ledger,
        settings=frozenset(filter(is_set_back, reader.pragmas)),
        pragmas=frozenset(reader.pragmas),
        keys_off=reader.keys_off,
        makes_temporary=makes_temporary,
        temporary=frozenset(reader.temporary),
        replayed=mode == "replay",
        bulk=outline.bulk,
    )


def names_counter(data: bytes) -> bool:
    """Whether ``data``, in lower case, may name last_insert_rowid(), changes() or total_changes()."""
    return b"changes" in data or b"last_insert_rowid" in data


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a quick look at the pieces of a file tells: see Analysis. ``concerns``: some piece has to be read."""

    _: KW_ONLY
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
    return _Outline(empty=empty, concerns=concerns, measured=changes, bulk=bulk)


class _Reader:
    """Gathers what the statements of a file do; the attributes are those of Analysis."""

    def __init__(self, file: SqlFile, mode: Mode, *, closely: bool, may_name_ledger: bool) -> None:
        """``closely``: statements that only create, insert and read are read too. ``may_name_ledger``: the file may
        name a table of the ledger."""
        self._may_name_ledger = may_name_ledger
        self._file = file
        self._mode = mode
        self._without = frozenset[str]() if closely else _HARMLESS
        self._switches: list[tuple[str, tuple[int, Statement]]] = []
        self.drops: set[str] = set()
        self.strips: set[str] = set()
        self.deletes: set[str] = set()
        self.updates: set[str] = set()
        self.dropped: set[str] = set()
        self.renames: list[tuple[str, str]] = []
        self.columns: list[tuple[str, str, str]] = []
        self.pragmas: set[str] = set()
        self.temporary: set[str] = set()

    @property
    def keys_off(self) -> bool:
        """Whether the file switches foreign keys off and on again."""
        return admission.off_and_on(self._switches)

    def read(self, text: str, start: int) -> None:
        """Read the whole statements in ``text``, which begins at byte ``start`` of the file. Raises FileError."""
        for statement in statements(text, without=self._without):
            what = effect(statement.text)
            refusal = admission.refusal(statement.text, what, self._mode, may_name_ledger=self._may_name_ledger)
            if refusal is not None:
                raise _refused(self._file, refusal, start, statement)
            if what.kind == "pragma" and (pragma := read_pragma(statement.text)) is not None and changes(pragma):
                self._set(pragma, start, statement)
            self._add(what)

    def refuse_left_off(self) -> None:
        """Raise FileError where the file switches foreign keys off and not on again."""
        place = admission.left_off(self._switches)
        if place is not None:
            raise _refused(self._file, admission.left_off_refusal(), *place)

    def _set(self, pragma: Pragma, start: int, statement: Statement) -> None:
        if pragma.name == "foreign_keys" and pragma.value is not None:
            self._switches.append((pragma.value, (start, statement)))
        self.pragmas.add(pragma.name)

    def _add(self, what: Effect) -> None:
        name = fold(what.name or "")
        if what.kind == "create":
            if what.schema is not None and fold(what.schema) == "temp":
                self.temporary.add(name)
        elif what.kind == "drop":
            (self.drops if what.object_type in ("table", "virtual") else self.dropped).add(name)
        elif what.kind == "alter_drop_column":
            self.strips.add(name)
        elif what.kind == "alter_rename" and what.new_name:
            if name in self.temporary:
                self.temporary.add(fold(what.new_name))
            self.renames.append((name, fold(what.new_name)))
        elif what.kind == "alter_rename_column" and what.column and what.new_name:
            self.columns.append((name, fold(what.column), fold(what.new_name)))
        elif what.kind == "update":
            self.updates.add(name)
        elif what.kind == "delete" and what.schema != "temp":
            self.deletes.add(name)


def _refuse_bulk(file: SqlFile, bulk: Mapping[int, str], mode: Mode) -> None:
    """Raise FileError where a large part of ``file`` inserts into a table of the ledger."""
    for table in sorted(set(bulk.values())):
        text = f"INSERT INTO {table} "
        refusal = admission.refusal(text, effect(text), mode)
        if refusal is not None:
            raise FileError(
                f"{file.path} {refusal.message}",
                where=Location(file.path),
                state="nothing was changed",
                hint=refusal.hint,
            )


def _refused(file: SqlFile, refusal: admission.Refusal, start: int, statement: Statement) -> FileError:
    """The error for ``statement`` of the text that begins at byte ``start`` of ``file``: it must not run."""
    return FileError(
        f"{file.path} {refusal.message}",
        where=Location(file.path, file.data.count(b"\n", 0, start) + statement.line),
        statement=statement.text,
        state="nothing was changed",
        hint=refusal.hint,
    )
