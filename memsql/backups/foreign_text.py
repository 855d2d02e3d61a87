"""Load the text that `.dump` of sqlite3 or of the Turso shell writes into a new SQLite file.

The text may come from anybody. It runs in a file of its own that nobody uses yet, so what has to be kept from it is
only what reaches outside of that file, or does not end. Statements that no dump holds are refused by name.
"""

from __future__ import annotations

import codecs
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from memsql.backups.foreign_pages import drop_vector_tables
from memsql.db.copying import Omitted
from memsql.db.queries import load
from memsql.db.sqlite import ENGINE_ERRORS, message_of
from memsql.db.unknown import unknown_part
from memsql.errors import CheckFailed, ConnectError, DiskFull, Location
from memsql.progress import Progress
from memsql.sqltext import Effect, effect, fold, pieces, skip_to_code
from memsql.sqltext.internal import VECTOR_INDEX
from memsql.sqltext.names import unquote
from memsql.sqltext.pragmas import read_pragma
from memsql.sqltext.tokens import tokenize
from memsql.storage import regular, space
from memsql.storage.leftovers import remove_file
from memsql.storage.new_files import create_empty

_CHUNK = 1 << 20
_LONGEST = 1_000_000_000
"""SQLite takes no longer statement (https://sqlite.org/limits.html)."""
_ROOM, _GROWTH = 64 << 20, 16
"""The file may have so many bytes, and so many times the size of the text."""
_PAGE = 4096
_SCHEMA = frozenset({"sqlite_master", "sqlite_schema"})
_SILENT = frozenset({"foreign_keys", "writable_schema", "encoding"})
_KEPT = frozenset({"user_version", "application_id"})
_OUTSIDE = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
_SELECT, _FUNCTION, _ATTACH, _DETACH, _RECURSIVE = 21, 31, 24, 25, 33
"""Codes of https://sqlite.org/c3ref/c_alter_table.html."""
_ROWS = frozenset({"insert", "replace", "delete", "update"})
_INFINITE = {"INF": "9e999", "INFINITY": "9e999", "NAN": "NULL"}
_infinite = re.compile(r"no such column: (?:inf|infinity|nan)$", re.IGNORECASE).search
_escape = re.compile(r"\\(?:\\|u([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{4}))").sub
_HINT = "a dump holds tables with their rows, indexes, views and triggers; use another backup"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A statement of the text, without its semicolon, and the line on which it begins. ``before`` is what stands before
    it; ``ended`` whether a semicolon ends it."""

    sql: str
    line: int
    before: str
    ended: bool


@dataclass(slots=True)
class _State:
    """What was read so far."""

    virtual: dict[str, str] = field(default_factory=dict)
    triggers: list[_Piece] = field(default_factory=list)
    omitted: list[Omitted] = field(default_factory=list)
    left_out: dict[str, None] = field(default_factory=dict)
    tables: int = 0
    begun: int = 0
    ended: int = 0


def load_foreign_text(
    path: Path, shown: str, into: Path, progress: Progress
) -> tuple[tuple[Omitted, ...], tuple[str, ...]]:
    """Load the SQL text ``path`` into the new SQLite file ``into``, in bounded memory.

    Returns the objects that could not be created here, and a sentence for everything else that was left out or is not
    known. Raises CheckFailed where the text is no dump, is cut off, or does what no dump does, with the line; then
    there is no file. Raises DiskFull where there is no room.
    """
    try:
        state = _Loader(path, shown, into).load(progress)
    except BaseException:
        remove_file(into)
        raise
    vectors = [o.name for o in state.omitted if o.type == "vector index"]
    if vectors:
        drop_vector_tables(into, vectors)
    notes = list(state.left_out)
    if not state.begun:
        notes.append("the text is no transaction, so nothing in it tells whether it is whole")
    return tuple(state.omitted), tuple(notes)


class _Loader:
    """Loads one text."""

    def __init__(self, path: Path, shown: str, into: Path) -> None:
        self._path, self._shown, self._into = path, shown, into
        self._size = max(1, path.stat().st_size)
        self._state = _State()
        self._running = _Piece("", 1, "", True)
        self._denied: str | None = None

    def load(self, progress: Progress) -> _State:
        """Run the statements of the text."""
        state, done = self._state, 0
        create_empty(self._into)
        with closing(sqlite3.connect(self._into, isolation_level=None)) as self._db:
            self._prepare()
            for piece in _pieces(self._path, self._shown):
                self._take(piece)
                done += len(piece.sql) + len(piece.before)
                progress.tick(min(1.0, done / self._size))
            self._refuse_incomplete()
            self._enter_virtual_tables()
            for trigger in state.triggers:
                self._create(trigger, effect(trigger.sql))
            self._db.execute("COMMIT")
            self._db.set_authorizer(None)
        return state

    def _prepare(self) -> None:
        db = self._db
        for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -50000", "foreign_keys = off"):
            db.execute(f"PRAGMA {pragma}")
        db.execute(f"PRAGMA max_page_count = {(_ROOM + _GROWTH * self._size) // _PAGE}")
        # No value is longer than the text that holds it.
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(_LONGEST, self._size + _CHUNK))
        if sqlite3.sqlite_version_info < (3, 50):
            # sqlite3 of that version writes texts with control characters by this function.
            db.create_function("unistr", 1, _unistr, deterministic=True)
        db.execute("BEGIN")
        db.set_authorizer(self._authorize)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """Deny what reaches outside of the file, and what computes rows: it need not end."""
        if action == _FUNCTION and fold(second or "") in _OUTSIDE:
            self._denied = f"calls {second}()"
        elif action in (_ATTACH, _DETACH):
            self._denied = "attaches another database"
        elif action == _RECURSIVE or (action == _SELECT and _computes(self._running.sql)):
            self._denied = "computes rows with a SELECT"
        return sqlite3.SQLITE_OK if self._denied is None else sqlite3.SQLITE_DENY

    def _take(self, piece: _Piece) -> None:
        if "/**** ERROR" in piece.before:
            raise self._refusal("is not whole: the program that wrote it met an error here, and says so", piece)
        if not piece.sql:
            return
        if piece.sql[0] == ".":
            word = piece.sql.split(None, 1)[0]
            raise self._refusal(f"holds {word}, a command of the sqlite3 shell, and memsql runs none", piece)
        if not piece.ended and (self._state.tables or self._state.begun or effect(piece.sql[:200]).kind != "other"):
            raise self._refusal("is cut off in the middle of a statement", piece)
        if piece.sql[:11].upper() == "INSERT INTO" and "sqlite_" not in piece.sql[:100].lower():
            # Most of a dump is this, and need not be read any closer.
            self._run(piece)
            return
        self._take_other(piece, effect(piece.sql))

    def _take_other(self, piece: _Piece, what: Effect) -> None:
        state = self._state
        if what.kind == "transaction":
            self._transaction(piece, what.name or "")
        elif what.kind == "pragma":
            self._pragma(piece)
        elif what.kind == "insert" and fold(what.name or "") in _SCHEMA:
            name, sql = self._virtual_table(piece)
            state.virtual[name] = sql
            state.tables += 1
        elif what.kind == "create" and what.schema is None:
            if what.object_type == "trigger":
                # Created later: it must not fire for the rows that follow.
                state.triggers.append(piece)
                return
            state.tables += what.object_type in ("table", "virtual")
            self._create(piece, what)
        elif what.kind in _ROWS or what.kind == "analyze" or (what.kind == "drop" and _if_exists(piece.sql)):
            self._run(piece)
        else:
            word = next(iter(piece.sql[:200].split()), "a control character")[:40]
            problem = f"runs {word.upper()}, which no dump of SQLite does" if state.tables or state.begun else None
            raise self._refusal(problem or "is neither a SQLite database nor a dump of one", piece)

    def _transaction(self, piece: _Piece, verb: str) -> None:
        if verb == "BEGIN":
            self._state.begun += 1
        elif verb in ("COMMIT", "END"):
            self._state.ended += 1
        elif verb == "ROLLBACK":
            raise self._refusal("ends with ROLLBACK: who wrote it met an error, and it is not whole", piece)
        else:
            raise self._refusal(f"runs {verb}, which no dump of SQLite does", piece)

    def _pragma(self, piece: _Piece) -> None:
        pragma = read_pragma(piece.sql)
        name = pragma.name if pragma is not None else "?"
        value = (pragma.value or "") if pragma is not None else ""
        if name in _KEPT and re.fullmatch(r"-?\d{1,10}", value):
            self._db.execute(f"PRAGMA {name} = {int(value)}")
        elif name not in _SILENT:
            self._state.left_out[f"left out: PRAGMA {name} (line {piece.line})"] = None

    def _virtual_table(self, piece: _Piece) -> tuple[str, str]:
        """Name and statement of the virtual table that ``piece``, an INSERT into sqlite_schema, enters."""
        tokens = tokenize(piece.sql)
        at = next((n for n, token in enumerate(tokens) if token.word == "VALUES"), len(tokens))
        row = [token.text for token in tokens[at + 1 :]]
        values = row[1::2]
        if row[0::2] == ["(", ",", ",", ",", ",", ")"] and len(values) == 5 and values[3] == "0":
            kind, name, table, sql = (unquote(values[n]) if n != 4 else _text(values[4]) for n in (0, 1, 2, 4))
            what = effect(sql)
            names = {fold(name), fold(table), fold(what.name or "")}
            if (kind, what.kind, what.object_type) == ("table", "create", "virtual") and len(names) == 1:
                return name, sql
        raise self._refusal("writes sqlite_schema with something else than a virtual table", piece)

    def _enter_virtual_tables(self) -> None:
        """Enter the virtual tables into the schema, beside the shadow tables that the text fills. Those whose module
        this SQLite lacks are omitted; their shadow tables stay as tables."""
        entered = []
        for name, sql in self._state.virtual.items():
            problem = _cannot_be_made(sql)
            if problem is not None:
                self._state.omitted.append(Omitted("virtual table", name, sql, problem))
            else:
                entered.append((name, sql))
        if entered:
            self._db.set_authorizer(None)
            self._db.execute("PRAGMA writable_schema = on")
            self._db.executemany(load("backups/add_virtual"), entered)
            self._db.execute("PRAGMA writable_schema = off")
            self._db.set_authorizer(self._authorize)

    def _create(self, piece: _Piece, what: Effect) -> None:
        """Create an object. One without rows of its own is omitted where this SQLite lacks something for it."""
        try:
            self._execute(piece.sql, piece)
        except ENGINE_ERRORS as e:
            missing = unknown_part(message_of(e))
            if self._denied is not None or missing is None or what.object_type in ("table", "virtual"):
                raise self._not_run(piece, e) from e
            is_vector = what.object_type == "index" and VECTOR_INDEX in piece.sql
            noun = "vector index" if is_vector else what.object_type or "object"
            self._state.omitted.append(
                Omitted(noun, what.name or "?", piece.sql, f"{missing} is unknown to SQLite {sqlite3.sqlite_version}")
            )

    def _run(self, piece: _Piece) -> None:
        try:
            self._execute(piece.sql, piece)
        except ENGINE_ERRORS as e:
            if self._denied is None and _infinite(message_of(e)):
                # Servers write infinite numbers as words, which SQLite takes for columns.
                try:
                    self._execute(_with_infinite(piece.sql), piece)
                    return
                except ENGINE_ERRORS as again:
                    e = again
            raise self._not_run(piece, e) from e

    def _execute(self, sql: str, piece: _Piece) -> None:
        self._running, self._denied = piece, None
        self._db.execute(sql)

    def _refuse_incomplete(self) -> None:
        state = self._state
        if state.begun > state.ended:
            raise CheckFailed(
                f"{self._shown} is cut off: it begins a transaction and does not end it",
                where=Location(self._shown),
                hint="copy it again, or use another backup",
            )
        if not state.tables:
            raise CheckFailed(f"{self._shown} holds no table: there is nothing to restore", hint="use another backup")

    def _refusal(self, problem: str, piece: _Piece) -> CheckFailed:
        return CheckFailed(
            f"{self._shown} {problem}",
            where=Location(self._shown, piece.line),
            statement=piece.sql[:300],
            hint=_HINT,
        )

    def _not_run(self, piece: _Piece, error: Exception) -> CheckFailed | DiskFull:
        if self._denied is not None:
            return self._refusal(f"{self._denied}, which no dump of SQLite does", piece)
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            left = space.free(self._into.parent)
            if left is not None and left > _ROOM:
                return self._refusal(f"grows to {_GROWTH} times its size, which no dump of SQLite does", piece)
            return space.full(self._into.parent, f"what {self._shown} holds", str(error), "make room, and run it again")
        return self._refusal(f"does not load: {message_of(error)}", piece)


def _pieces(path: Path, shown: str) -> Iterator[_Piece]:
    """The statements of a text of any size, and last what stands behind them."""
    rest, line, length = "", 1, _CHUNK
    try:
        with io.TextIOWrapper(regular.open_binary(path), encoding=_encoding(path), newline="") as file:
            while chunk := file.read(length):
                cuts = pieces(rest + chunk)
                # The last one may go on. A long one is split again only after it has doubled.
                rest = cuts.pop() if cuts else ""
                length = max(_CHUNK, len(rest))
                for cut in cuts:
                    piece = _piece(cut, line)
                    line += cut.count("\n")
                    yield piece
                if (len(rest) > _CHUNK and not _may_be_long(rest)) or len(rest) > _LONGEST:
                    yield _piece(rest, line)
                    return
    except UnicodeError:
        raise CheckFailed(
            f"{shown} is no text behind line {line}: it is neither a SQLite database nor a dump of one",
            where=Location(shown, line),
            hint="use another backup",
        ) from None
    except OSError as e:
        raise ConnectError(f"{shown} cannot be read: {e.strerror}") from None
    for cut in pieces(rest):
        yield _piece(cut, line)
        line += cut.count("\n")


def _piece(cut: str, line: int) -> _Piece:
    start = skip_to_code(cut, 0)
    code = cut[start:]
    ended = code.endswith(";")
    return _Piece(code[:-1] if ended else code, line + cut.count("\n", 0, start), cut[:start], ended)


def _may_be_long(rest: str) -> bool:
    """Whether a statement of a dump that is not complete after a megabyte can begin like ``rest``."""
    start = skip_to_code(rest, 0)
    return rest[start : start + 6].upper() in ("INSERT", "CREATE", "REPLAC") or start == len(rest)


def _encoding(path: Path) -> str:
    """UTF-8, or what the first bytes say: PowerShell writes redirected output as UTF-16."""
    with regular.open_binary(path) as file:
        head = file.read(2)
    return "utf-16" if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _computes(sql: str) -> bool:
    """Whether a statement that SQLite compiles with a SELECT says so itself; many rows of VALUES need one too."""
    tokens = tokenize(sql)
    if any(token.word in ("VIEW", "TRIGGER") for token in tokens[:4]):
        return False
    return any(token.word in ("SELECT", "WITH") for token in tokens)


def _if_exists(sql: str) -> bool:
    return any(token.word == "EXISTS" for token in tokenize(sql)[:5])


def _cannot_be_made(sql: str) -> str | None:
    """Why this SQLite has no such virtual table as ``sql`` creates; None where it has."""
    with closing(sqlite3.connect(":memory:")) as db:
        try:
            db.execute(sql)
        except ENGINE_ERRORS as e:
            missing = unknown_part(message_of(e))
            return f"{missing} is unknown to SQLite {sqlite3.sqlite_version}" if missing else message_of(e)
    return None


def _text(token: str) -> str:
    return token[1:-1].replace("''", "'") if token[:1] == "'" else ""


def _with_infinite(sql: str) -> str:
    parts, end = [], 0
    for token in tokenize(sql):
        if token.word in _INFINITE:
            parts += [sql[end : token.start], _INFINITE[token.word]]
            end = token.end
    return "".join([*parts, sql[end:]])


def _unistr(text: str | bytes | int | float | None) -> str | bytes | int | float | None:
    """``unistr()`` of SQLite 3.50 (https://sqlite.org/lang_corefunc.html#unistr)."""
    if not isinstance(text, str):
        return text

    def character(match: re.Match[str]) -> str:
        digits = next(filter(None, match.groups()), None)
        return "\\" if digits is None else chr(int(digits, 16))

    return _escape(character, text)
