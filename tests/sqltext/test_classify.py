"""What a statement does, from its text; where SQLite can be asked, it is."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.sqltext import Effect, effect, fold, forbidden_in_transaction, identifiers

CASES = {
    "CREATE TABLE t(a)": Effect("create", "table", "t"),
    "create table if not exists main.[x y](a)": Effect("create", "table", "x y", schema="main"),
    'CREATE TABLE "a""b"(a)': Effect("create", "table", 'a"b'),
    "CREATE TABLE 'it''s'(a)": Effect("create", "table", "it's"),
    "CREATE TABLE `a``b` AS SELECT 1": Effect("create", "table", "a`b"),
    "CREATE TEMP TABLE größe(a)": Effect("create", "table", "größe", schema="temp"),
    "-- c\nCREATE/**/TEMPORARY/* x */VIEW v AS SELECT 1": Effect("create", "view", "v", schema="temp"),
    "CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(a)": Effect("create", "virtual", "f"),
    "CREATE UNIQUE INDEX IF NOT EXISTS main . i ON t (a)": Effect("create", "index", "i", schema="main", table="t"),
    "CREATE INDEX i ON [a t](a) WHERE a ON b": Effect("create", "index", "i", table="a t"),
    'CREATE TRIGGER g UPDATE OF a, "on" ON "t t" BEGIN SELECT 1; END': Effect("create", "trigger", "g", table="t t"),
    "CREATE TEMP TRIGGER IF NOT EXISTS g INSTEAD OF DELETE ON main.v BEGIN SELECT 1; END": Effect(
        "create", "trigger", "g", schema="temp", table="v"
    ),
    "CREATE TRIGGER before AFTER INSERT ON t BEGIN DELETE FROM u; END": Effect(
        "create", "trigger", "before", table="t"
    ),
    "DROP TABLE IF EXISTS main.t": Effect("drop", "table", "t", schema="main"),
    "drop index i": Effect("drop", "index", "i"),
    "DROP TRIGGER [g]": Effect("drop", "trigger", "g"),
    "DROP VIEW `v`": Effect("drop", "view", "v"),
    "ALTER TABLE main.t RENAME TO u": Effect("alter_rename", "table", "t", new_name="u", schema="main"),
    "ALTER TABLE t RENAME COLUMN a TO b": Effect("alter_rename_column", "table", "t", "b", "a"),
    'ALTER TABLE t RENAME "column" TO "to"': Effect("alter_rename_column", "table", "t", "to", "column"),
    "ALTER TABLE t ADD COLUMN b INT": Effect("alter_add_column", "table", "t", column="b"),
    "ALTER TABLE t ADD [b c]": Effect("alter_add_column", "table", "t", column="b c"),
    "ALTER TABLE t DROP COLUMN a": Effect("alter_drop_column", "table", "t", column="a"),
    "ALTER TABLE t DROP a": Effect("alter_drop_column", "table", "t", column="a"),
    "ALTER TABLE t ALTER COLUMN a TO a TEXT": Effect("alter_column", "table", "t", column="a"),
    "INSERT INTO t VALUES (1)": Effect("insert", "table", "t"),
    "INSERT OR IGNORE INTO main.t DEFAULT VALUES": Effect("insert", "table", "t", schema="main"),
    "INSERT OR REPLACE INTO t VALUES (1)": Effect("replace", "table", "t"),
    "REPLACE INTO 't' VALUES (1)": Effect("replace", "table", "t"),
    "UPDATE OR FAIL [t] SET a = 1": Effect("update", "table", "t"),
    "DELETE FROM main.t": Effect("delete", "table", "t", schema="main"),
    "WITH x AS (SELECT ')') INSERT INTO t SELECT * FROM x": Effect("insert", "table", "t"),
    "WITH RECURSIVE x(a) AS NOT MATERIALIZED (SELECT (1)), [delete] AS (VALUES (2)) UPDATE t SET a = 1": Effect(
        "update", "table", "t"
    ),
    "WITH replace AS (SELECT 1) DELETE FROM t": Effect("delete", "table", "t"),
    "WITH x AS (DELETE) REPLACE INTO t VALUES (1)": Effect("replace", "table", "t"),
    "WITH x AS (SELECT 1) SELECT * FROM x": Effect("select", None, None),
    "SELECT 1": Effect("select", None, None),
    "VALUES (1)": Effect("select", None, None),
    "PRAGMA main.Foreign_Keys = ON": Effect("pragma", None, "foreign_keys", schema="main"),
    "begin immediate": Effect("transaction", None, "BEGIN"),
    "COMMIT": Effect("transaction", None, "COMMIT"),
    "End Transaction": Effect("transaction", None, "END"),
    "ROLLBACK TO x": Effect("transaction", None, "ROLLBACK"),
    "SAVEPOINT x": Effect("transaction", None, "SAVEPOINT"),
    "RELEASE x": Effect("transaction", None, "RELEASE"),
    "ATTACH DATABASE CAST('f' AS TEXT) AS [y z]": Effect("attach", None, "y z"),
    "DETACH DATABASE y": Effect("detach", None, "y"),
    "VACUUM": Effect("vacuum", None, None),
    "VACUUM main INTO 'f'": Effect("vacuum", None, "main"),
    "VACUUM INTO 'f'": Effect("vacuum", None, None),
    "ANALYZE main.t": Effect("analyze", None, "t", schema="main"),
    "REINDEX": Effect("reindex", None, None),
    "EXPLAIN QUERY PLAN DELETE FROM t": Effect("explain", None, None),
    "": Effect("other", None, None),
    "-- only a comment": Effect("other", None, None),
    "\u017felect 1": Effect("other", None, None),
    "commit\u212a": Effect("other", None, None),
    "'commit'": Effect("other", None, None),
    "CREATE": Effect("other", None, None),
    "ALTER TABLE": Effect("alter_column", "table", None),
    "WITH x": Effect("other", None, None),
}


@pytest.mark.parametrize("text", CASES)
def test_the_effect(text: str) -> None:
    assert effect(text) == CASES[text]
    assert effect("/* a */\ufeff-- b\n" + text + " -- c\n;") == CASES[text]


# The authorizer's action code and which of its arguments holds the name.
ACTIONS = {
    sqlite3.SQLITE_INSERT: ("insert", "replace"),
    sqlite3.SQLITE_UPDATE: ("update",),
    sqlite3.SQLITE_DELETE: ("delete",),
    sqlite3.SQLITE_CREATE_TABLE: ("create", "table"),
    sqlite3.SQLITE_CREATE_VIEW: ("create", "view"),
    sqlite3.SQLITE_CREATE_INDEX: ("create", "index"),
    sqlite3.SQLITE_CREATE_TRIGGER: ("create", "trigger"),
    sqlite3.SQLITE_CREATE_VTABLE: ("create", "virtual"),
    sqlite3.SQLITE_DROP_TABLE: ("drop", "table"),
    sqlite3.SQLITE_DROP_VIEW: ("drop", "view"),
    sqlite3.SQLITE_DROP_INDEX: ("drop", "index"),
    sqlite3.SQLITE_DROP_TRIGGER: ("drop", "trigger"),
}


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO 'a b' VALUES (1, 2)",
        "with x as (select 1, 2) insert or ignore into [a b] select * from x",
        'REPLACE INTO main."a b" VALUES (1, 2)',
        "UPDATE OR REPLACE `a b` SET id = 3",
        "WITH RECURSIVE d(id) AS (SELECT 1 UNION SELECT id + 1 FROM d WHERE id < 9) DELETE FROM 'a b' WHERE id IN d",
        'CREATE TABLE IF NOT EXISTS "n""n"(a)',
        "CREATE UNIQUE INDEX main.'i i' ON [a b](v)",
        "CREATE TRIGGER before BEFORE UPDATE OF id, v ON [a b] BEGIN DELETE FROM v; END",
        "CREATE TRIGGER main.g INSERT ON 'a b' BEGIN SELECT 1; END",
        "CREATE VIEW w AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "DROP TABLE IF EXISTS [a b]",
        "DROP INDEX 'j'",
        "DROP VIEW main.v",
        "DROP TRIGGER `h`",
    ],
)
def test_the_authorizer_names_the_same(text: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        'CREATE TABLE "a b"(id INTEGER PRIMARY KEY, v); CREATE INDEX j ON "a b"(v); CREATE VIEW v AS SELECT 1;'
        'CREATE TRIGGER h AFTER INSERT ON "a b" BEGIN SELECT 1; END;'
    )
    what = effect(text)
    seen = set()

    # SQLite says two names, the schema and the trigger or view by which it gets there.
    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        kinds = ACTIONS.get(action)
        if kinds is not None and first is not None and not first.startswith("sqlite_"):
            on = second if action in (sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TRIGGER) else None
            seen.add(
                (what.kind in kinds, what.object_type in kinds or len(kinds) != 2 or "replace" in kinds, first, on)
            )
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)
    connection.execute(text)
    assert (True, True, what.name, what.table) in seen


@pytest.mark.parametrize(
    "text", ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT s", "RELEASE s", "ATTACH 'f' AS y", "DETACH y", "VACUUM"]
)
def test_forbidden(text: str) -> None:
    assert forbidden_in_transaction(effect(text))


@pytest.mark.parametrize("text", ["SELECT 1", "EXPLAIN COMMIT", "PRAGMA x", "ANALYZE", "DROP TABLE t", "beginning", ""])
def test_not_forbidden(text: str) -> None:
    assert not forbidden_in_transaction(effect(text))


@given(
    st.text(), st.lists(st.sampled_from([*"()'\",.;[]`/*-\n\0", "WITH", "CREATE TRIGGER", "ALTER TABLE", " ON ", "x"]))
)
def test_no_text_is_an_error(text: str, tokens: list[str]) -> None:
    for candidate in (text, "".join(tokens), " ".join(tokens)):
        assert len(astuple(effect(candidate))) == 7
        assert isinstance(identifiers(candidate), frozenset)


def test_identifiers_hold_every_spelling() -> None:
    text = """SELECT a, "B c", [D;e], `f``G`, 'H''i', "j""K" FROM Größe WHERE x'4142' = 12e5 -- not_here
        /* nor here */ AND é$ = :param AND "" = ''"""
    names = identifiers(text)
    assert {"a", "b c", "d;e", "f`g", "h'i", 'j"k', "größe", "é$"} <= names
    assert not {"not_here", "nor", "here", "4142", "x", "12e5", "e5", "param"} & names


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda name: not name.lower().startswith("sqlite_")
)


@given(names)
def test_identifiers_hold_any_table_sqlite_takes(name: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    spelled = ['"' + name.replace('"', '""') + '"', "'" + name.replace("'", "''") + "'", f"[{name}]", name]
    worked = 0
    for spelling in spelled:
        text = f"CREATE TABLE {spelling} (a)"
        try:
            connection.execute(text)
        except sqlite3.Error:
            continue
        worked += 1
        stored = connection.execute("SELECT name FROM sqlite_schema").fetchone()[0]
        assert fold(stored) in identifiers(text)
        assert effect(text) == Effect("create", "table", stored)
        connection.execute('DROP TABLE "' + stored.replace('"', '""') + '"')
    assert worked >= 2
