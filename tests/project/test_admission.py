"""Which statements may stand in a migration."""

from __future__ import annotations

import sqlite3

import pytest

from memsql.db.sqlite import memory
from memsql.project import admission
from memsql.project.admission import Mode
from memsql.sqltext import effect
from memsql.sqltext.pragmas import ALLOWED, SERVER_SETS, Pragma, changes, is_on, is_set_back, read_pragma


def topic(text: str, mode: Mode = "transaction") -> str | None:
    refusal = admission.refusal(text, effect(text), mode)
    assert refusal is None or (refusal.message and refusal.hint)
    return refusal.topic if refusal else None


@pytest.mark.parametrize(
    ("text", "pragma"),
    [
        ("PRAGMA foreign_keys", Pragma("foreign_keys", None)),
        ("pragma main . [Foreign_Keys] = OFF", Pragma("foreign_keys", "OFF")),
        ("PRAGMA/* a = b */cache_size(-4000)", Pragma("cache_size", "-4000")),
        ("PRAGMA journal_mode = 'off' -- x", Pragma("journal_mode", "off")),
        ("EXPLAIN QUERY PLAN PRAGMA a = 1", Pragma("a", "1")),
        ("explain pragma a(b)", Pragma("a", "b")),
        ("PRAGMA optimize", Pragma("optimize", None)),
        ("PRAGMA", None),
        ("SELECT 'PRAGMA a = 1'", None),
        ("EXPLAIN SELECT 1", None),
        ("", None),
    ],
)
def test_what_a_pragma_says(text: str, pragma: Pragma | None) -> None:
    assert read_pragma(text) == pragma


@pytest.mark.parametrize("value", ["on", "ON", "yes", "true", "1", "2", "off", "no", "false", "0", "banana", "none"])
def test_on_is_what_sqlite_takes_for_on(value: str) -> None:
    conn = sqlite3.connect(":memory:")
    conn.execute("PRAGMA recursive_triggers = 1")
    conn.execute(f"PRAGMA recursive_triggers = {value}")
    assert is_on(value) == bool(conn.execute("PRAGMA recursive_triggers").fetchone()[0])
    conn.close()


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_what_is_set_back_can_be_read_and_set(name: str) -> None:
    assert ALLOWED[name].reason
    if not is_set_back(name):
        return
    conn = memory()
    value = conn.execute(f"PRAGMA {name}").one()
    assert isinstance(value, int)
    conn.execute(f"PRAGMA {name} = {value}")
    assert conn.execute(f"PRAGMA {name}").one() == value
    conn.close()


def test_a_server_sets_nothing_that_a_file_may_not() -> None:
    assert set(ALLOWED) >= SERVER_SETS


def test_every_setting_that_sqlite_has_is_judged() -> None:
    """A PRAGMA of this SQLite that is not on the list cannot be set, in any mode."""
    conn = sqlite3.connect(":memory:")
    names = [str(row[0]) for row in conn.execute("PRAGMA pragma_list")]
    conn.close()
    assert len(names) > 40
    for name in names:
        for mode in ("transaction", "stepwise", "legacy"):
            assert name in ALLOWED or topic(f"PRAGMA {name} = 1", mode) == "setting"
        assert changes(Pragma(name, None)) == (topic(f"PRAGMA {name}") is not None) or name in ALLOWED


@pytest.mark.parametrize(
    ("text", "mode", "wanted"),
    [
        ("COMMIT", "transaction", "transaction"),
        ("SAVEPOINT a", "stepwise", "transaction"),
        ("VACUUM", "transaction", "setting"),
        ("VACUUM", "stepwise", None),
        ("VACUUM main", "stepwise", None),
        ("VACUUM main INTO 'x'", "stepwise", "setting"),
        ("REINDEX", "stepwise", None),
        ("ANALYZE", "transaction", None),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "stepwise", "stepwise"),
        ("PRAGMA journal_mode = WAL", "stepwise", None),
        ("PRAGMA journal_mode = WAL", "transaction", "setting"),
        ("PRAGMA journal_mode = OFF", "stepwise", "setting"),
        ("PRAGMA journal_mode", "transaction", None),
        ("PRAGMA encoding = 'UTF-8'", "transaction", None),
        ("PRAGMA encoding = 'UTF-16'", "transaction", "setting"),
        ("PRAGMA cache_size = 5", "stepwise", None),
        ("PRAGMA user_version = 5", "stepwise", "stepwise"),
        ("PRAGMA foreign_keys = off", "legacy", "setting"),
        ("PRAGMA foreign_keys = on", "legacy", None),
        ("INSERT INTO memsql_legacy_objects VALUES (1)", "legacy", None),
        ("INSERT INTO memsql_legacy_objects VALUES (1)", "transaction", "ledger"),
        ("DELETE FROM memsql_history", "legacy", "ledger"),
        ("CREATE TABLE memsql_notes (x)", "transaction", None),
        ("SELECT * FROM schema_migrations", "transaction", None),
    ],
)
def test_what_is_refused(text: str, mode: Mode, wanted: str | None) -> None:
    assert topic(text, mode) == wanted


@pytest.mark.parametrize(
    ("values", "left", "pair"),
    [
        ([], None, False),
        (["on"], None, False),
        (["off"], 0, False),
        (["off", "on"], None, True),
        (["on", "off", "on"], None, True),
        (["off", "on", "off"], 2, False),
        (["0", "1", "0", "1"], None, True),
    ],
)
def test_off_and_on(values: list[str], left: int | None, pair: bool) -> None:
    switches = [(value, place) for place, value in enumerate(values)]
    assert admission.left_off(switches) == left
    assert admission.off_and_on(switches) == pair
    text = ";\n".join(f"PRAGMA foreign_keys = {value}" for value in values)
    assert admission.foreign_keys_off(text) == pair
