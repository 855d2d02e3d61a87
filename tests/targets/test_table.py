"""The table of what engines accept is true of every engine that can be run, and finds what it names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import servers

from memsql.db import connect
from memsql.errors import MemsqlError, UsageError
from memsql.targets import features, parse_targets, refusal, uses

BEFORE = ("CREATE TABLE t (a, b, c INTEGER)", "INSERT INTO t VALUES (1, 2, 3)")


def wrong(target: str, runs: Callable[[str], str], options: Collection[str] | None = None) -> list[str]:
    """The features of which the table says something else about ``target`` than ``runs``, which returns the error.
    ``options``: those with which it is built; without them no feature is looked at that needs one."""
    (engine,) = parse_targets(target)
    mistakes = []
    for feature in features():
        if feature.build and options is None:
            continue
        if feature.build and feature.build.removeprefix("SQLITE_") in (options or ()):
            feature = replace(feature, build="")
        refused, error = refusal(engine, feature, "synchronous"), runs(feature.example)
        if bool(refused) != bool(error):
            mistakes.append(f"{feature.name}: the table says {refused or 'yes'!r}, {target} says {error or 'yes'!r}")
    return mistakes


def run_here(example: str) -> str:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        try:
            for statement in (*BEFORE, example):
                conn.execute(statement).fetchall()
        except sqlite3.Error as e:
            return str(e)
    return ""


def test_it_is_true_of_the_sqlite_of_python() -> None:
    with closing(sqlite3.connect(":memory:")) as conn:
        options = {option for (option,) in conn.execute("PRAGMA compile_options")}
    assert not wrong("sqlite", run_here, options)


def test_it_is_true_of_a_newer_sqlite() -> None:
    apsw: Any = pytest.importorskip("apsw")

    def run(example: str) -> str:
        conn = apsw.Connection(":memory:")
        try:
            for statement in (*BEFORE, example):
                conn.execute(statement).fetchall()
        except apsw.Error as e:
            return str(e)
        return ""

    assert not wrong(f"sqlite {apsw.sqlite_lib_version()}", run, apsw.compile_options)


@pytest.mark.server
def test_it_is_true_of_libsql(tmp_path: Path) -> None:
    with servers.fresh(tmp_path) as server:

        def run(example: str) -> str:
            with closing(connect(servers.target(server.url), "rw")) as conn:
                for statement in ("DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS x", *BEFORE):
                    conn.execute(statement)
                try:
                    conn.execute(example)
                except MemsqlError as e:
                    return str(e)
            return ""

        assert not wrong("libsql", run)


@pytest.mark.parametrize("feature", features(), ids=lambda f: f.name)
def test_the_example_of_a_feature_uses_it(feature: Any) -> None:
    assert feature in [use.feature for use in uses(feature.example)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CREATE TABLE log (what); ", []),
        ("INSERT INTO format (log) SELECT a FROM pi", []),
        ("SELECT strict, returning, 'x RETURNING y', \"over\", format FROM t -- FULL JOIN", []),
        ("CREATE TABLE a (strict TEXT, b INTEGER) WITHOUT ROWID, STRICT", ["STRICT tables"]),
        ("CREATE TABLE a AS SELECT CAST(b AS TEXT) FROM c", []),
        ("SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY a)", ["window functions (OVER)"]),
        ("SELECT a FROM t WHERE a IN (SELECT b FROM c ORDER BY b)", []),
        ("UPDATE t SET a = (SELECT b FROM c) WHERE a IS DISTINCT FROM 1", ["IS DISTINCT FROM"]),
        (
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO s VALUES (1) ON CONFLICT DO UPDATE SET a = 1; END",
            ["upsert (ON CONFLICT … DO)"],
        ),
        ("ALTER TABLE t ADD COLUMN z INT GENERATED ALWAYS AS (a + 1)", ["generated columns"]),
        ("CREATE TABLE t (a CHECK (a ->> '$.x' > 1_0))", ["-> and ->>", "1_000"]),
        ("PRAGMA foreign_keys", ["PRAGMA"]),
        ("", []),
    ],
)
def test_features_are_found_where_they_are_used_alone(text: str, names: list[str]) -> None:
    assert [use.feature.name for use in uses(text)] == names


def test_targets_are_read_and_named() -> None:
    assert list(map(str, parse_targets("sqlite3.40, LIBSQL |d1\nsqlite 3.40"))) == [
        "SQLite 3.40",
        "libSQL",
        "Cloudflare D1",
    ]
    assert parse_targets("sqlite")[0].version == sqlite3.sqlite_version_info[:2]
    assert parse_targets(" , ") == ()
    for text in ("postgres", "libsql 0.24", "sqlite 3.x"):
        with pytest.raises(UsageError, match="is no target"):
            parse_targets(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT iif(a, (1, 2), 3) IS NULL FROM t",
        "CREATE TRIGGER x BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TABLE x (locale TEXT CHECK (locale = 'de'), contentless_unindexed INTEGER)",
        "DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY a LIMIT 1)",
    ],
)
def test_what_looks_like_it_is_something_else(text: str) -> None:
    assert [use.feature.name for use in uses(text) if use.feature.since is None or use.feature.since > (3, 40)] == []
    assert not any(use.feature.build for use in uses(text))
