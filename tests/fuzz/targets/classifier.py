"""What a statement does, judged by what SQLite asks its authorizer while it compiles the statement."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.sqltext.classify import Effect, effect, forbidden_in_transaction, identifiers
from memsql.sqltext.names import fold
from memsql.sqltext.pragmas import is_on, read_pragma
from memsql.sqltext.split import split
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.sqlite_parser import Action, parser
from tests.fuzz.target import Repeated, Target

_KINDS = frozenset(
    [
        "create",
        "drop",
        "alter_rename",
        "alter_rename_column",
        "alter_add_column",
        "alter_drop_column",
        "alter_column",
        "insert",
        "replace",
        "update",
        "delete",
        "select",
        "pragma",
        "transaction",
        "attach",
        "detach",
        "vacuum",
        "analyze",
        "reindex",
        "explain",
        "other",
    ]
)
_TYPES = frozenset({"table", "index", "trigger", "view", "virtual", None})
# https://sqlite.org/c3ref/c_alter_table.html
_CREATED = {
    1: "index",
    2: "table",
    3: "index",
    4: "table",
    5: "trigger",
    6: "view",
    7: "trigger",
    8: "view",
    29: "virtual",
}
_DROPPED = {
    10: "index",
    11: "table",
    12: "index",
    13: "table",
    14: "trigger",
    15: "view",
    16: "trigger",
    17: "view",
    30: "table",
}
_WRITES = {9: ("delete",), 18: ("insert", "replace"), 23: ("update",)}
_OTHERS = {22: "transaction", 32: "transaction", 24: "attach", 25: "detach", 19: "pragma"}
_SELECT, _ALTER = 21, 26


def run(data: bytes) -> None:
    """Read each statement of ``data``, and what SQLite would not take for one."""
    text = data.decode("utf-8", "replace")
    parts = split(text)
    for part in [text, *(statement.text for statement in parts)]:
        _is_documented(part)
    asked = parser()
    if asked is None or "\0" in text:
        return
    for statement, parsed in zip(parts, asked.statements(text.encode()), strict=False):
        what = effect(statement.text)
        if parsed.is_known and what.kind != "explain":
            _agrees(what, parsed.actions, statement.text)


def _is_documented(text: str) -> None:
    what = effect(text)
    assert what.kind in _KINDS
    assert what.object_type in _TYPES
    assert isinstance(forbidden_in_transaction(what), bool)
    names = identifiers(text)
    if what.kind not in ("pragma", "transaction"):
        written = [what.name, what.new_name, what.column, what.table]
        assert all(fold(name) in names for name in written if name)
    if what.kind == "pragma":
        pragma = read_pragma(text)
        assert pragma is None or pragma.value is None or isinstance(is_on(pragma.value), bool)


def _agrees(what: Effect, actions: Sequence[Action], text: str) -> None:
    """Hold ``what`` against the first of ``actions`` that says what the statement does."""
    for code, first, second in actions:
        if code in _WRITES and not first.startswith("sqlite_"):
            # A CREATE TABLE that finds the table does not read on, so it comes to nothing here.
            assert what.kind in _WRITES[code], text
            assert fold(what.name or "") == fold(first), text
        elif code in _CREATED and not first.startswith("sqlite_"):
            assert (what.kind, what.object_type) == ("create", _CREATED[code]), text
            assert fold(what.name or "") == fold(first), text
            assert _CREATED[code] not in ("index", "trigger") or fold(what.table or "") == fold(second), text
        elif code in _DROPPED:
            assert (what.kind, what.object_type) == ("drop", _DROPPED[code]), text
            assert fold(what.name or "") == fold(first), text
        elif code == _ALTER:
            assert what.kind.startswith("alter_"), text
            assert fold(what.name or "") == fold(second), text
        elif code in _OTHERS:
            assert what.kind == _OTHERS[code], text
            assert code not in (22, 32) or _verb(what) == _verb_of(code, first), text
        elif code == _SELECT and what.kind != "create":
            assert what.kind in ("select", "insert", "replace", "update", "delete", "vacuum", "attach", "detach"), text
            continue
        else:
            continue
        return


def _verb(what: Effect) -> str:
    return "COMMIT" if what.name == "END" else what.name or ""


def _verb_of(code: int, operation: str) -> str:
    return "SAVEPOINT" if code == 32 and operation == "BEGIN" else operation


def _read(text: str) -> object:
    return [effect(text), identifiers(text)]


TARGETS = [
    Target(
        "classifier",
        "has one of the documented kinds for every text, and for a statement of SQLite the one, with the names, that"
        " SQLite's authorizer is asked about",
        run,
        SQL,
        work=_read,
        growing=[
            Repeated("q AS (SELECT 1), ", "WITH "),
            Repeated("(", "CREATE TRIGGER a ON "),
            Repeated("(", "WITH q"),
            Repeated("a.", "UPDATE "),
            Repeated(" AS a", "ATTACH 'x'"),
            Repeated('"', "DROP TABLE "),
            Repeated("[a", "INSERT INTO t "),
            Repeated("ON ", "CREATE INDEX i "),
            Repeated("(ON) ", "CREATE INDEX i "),
        ],
    )
]
