"""An index of a part of the rows is proven against these rows, and built anew from them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from indexed import make, open_
from partial import IN, INDEX, ROWS, STYLES, TABLE, triggers

from memsql.db import Connection, transaction
from memsql.errors import UsageError
from memsql.fts import check, check_in_transaction, discover, guarded, problems_of, rebuild, rebuild_online
from memsql.progress import SILENT

HIDDEN = {"a view", "values emptied"}
"""Styles whose rows are all in the index, or all rows of the view are."""


def content(style: str) -> str:
    return '"it\'s"' if style == "odd names" else "t"


def schema(style: str) -> str:
    rows = ROWS.replace(" t ", f" {content(style)} ")
    if style == "odd names":
        rows = rows.replace("tags", '"a ""tag"""').replace("gone_at", '"gone at"')
    return STYLES[style] + rows


def everything(conn: Connection) -> list[object]:
    objects = conn.execute(
        "SELECT type, name, sql FROM sqlite_schema UNION ALL SELECT type, name, sql FROM temp.sqlite_schema"
    )
    return [*objects.rows, conn.in_transaction]


def words(path: Path, name: str) -> list[object]:
    """Every word of the index with its places."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE VIRTUAL TABLE temp.v USING fts5vocab('main', '{name}', 'instance')")
        return db.execute("SELECT * FROM v").fetchall()


@pytest.mark.parametrize("style", STYLES)
def test_a_right_index_is_proven_and_nothing_stays(tmp_path: Path, style: str) -> None:
    path = make(tmp_path / "a.db", schema(style))
    conn = open_(path)
    table, before = discover(conn)[0], everything(conn)
    result = check(conn, table)
    assert (result.ok, result.message) == (True, "")
    assert everything(conn) == before
    with transaction(conn):
        assert check_in_transaction(conn, [table.name]) == []
        assert conn.in_transaction
    assert everything(conn) == before
    assert [p.message for p in problems_of(conn, table) if p.severity == "error"] == []


@pytest.mark.parametrize("style", sorted(STYLES.keys() - HIDDEN))
def test_status_and_check_call_it_partial(tmp_path: Path, style: str) -> None:
    conn = open_(make(tmp_path / "a.db", schema(style)))
    table = discover(conn)[0]
    assert guarded(table) is not None
    assert check(conn, table).note.startswith("partial: the rows of ")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE {t} SET body = 'stale' WHERE id = 1",
        "DELETE FROM {t} WHERE id = -7",
        "INSERT INTO {t} (id, body, n) VALUES (99, 'missing', 7)",
        "UPDATE {t} SET body = 'moss green and more' WHERE id = 1",
    ],
)
@pytest.mark.parametrize("style", STYLES)
def test_a_row_that_is_missing_or_stale_is_found_and_mended(tmp_path: Path, style: str, damage: str) -> None:
    path = make(tmp_path / "a.db", schema(style))
    with closing(sqlite3.connect(path)) as db:
        kept = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid").fetchall()
        right = words(path, "my f" if style == "odd names" else "f")
        db.executescript("".join(f"DROP TRIGGER {name};" for name, _ in kept))
        db.execute(damage.format(t=content(style)))
        db.executescript("".join(f"{sql};" for _, sql in kept))
    conn = open_(path)
    table = discover(conn)[0]
    order_only = damage.endswith("more' WHERE id = 1") and ("detail=none" in table.sql or "detail=column" in table.sql)
    if not order_only:
        assert not check(conn, table).ok
    rebuild(conn, table)
    assert check(conn, table).ok
    conn.execute(f"UPDATE {content(style)} SET body = body")
    conn.execute(f"DELETE FROM {content(style)}")
    assert check(conn, table).ok
    assert words(path, table.name) == []
    assert right != []


def test_a_row_too_many_is_found(tmp_path: Path) -> None:
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + triggers() + ROWS))
    conn.execute("INSERT INTO f (f) VALUES ('rebuild')")
    result = check(conn, discover(conn)[0])
    assert not result.ok
    assert "f does not agree with the rows that its triggers put in (the rows of t for which gone_at IS NULL)" in (
        result.message
    )


def test_an_index_of_all_rows_is_not_partial(tmp_path: Path) -> None:
    changed = f"""CREATE TRIGGER t_in AFTER INSERT ON t BEGIN {IN} END;
    CREATE TRIGGER t_out AFTER DELETE ON t BEGIN
        INSERT INTO f (f, rowid, body, tags) VALUES ('delete', old.id, old.body, old.tags); END;
    CREATE TRIGGER t_upd AFTER UPDATE ON t WHEN old.body IS NOT new.body OR old.tags IS NOT new.tags BEGIN
        INSERT INTO f (f, rowid, body, tags) VALUES ('delete', old.id, old.body, old.tags); {IN} END;"""
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + changed + ROWS))
    table = discover(conn)[0]
    assert guarded(table) is None
    assert problems_of(conn, table) == []
    assert check(conn, table).ok
    conn.execute("INSERT INTO f (f) VALUES ('delete-all')")
    assert not check(conn, table).ok


def test_an_online_rebuild_of_a_part_is_refused_with_the_reason(tmp_path: Path) -> None:
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + triggers() + ROWS))
    before = everything(conn)
    with pytest.raises(UsageError, match="f is partial: it holds the rows of t for which gone_at IS NULL") as caught:
        rebuild_online(conn, discover(conn)[0], chunk=10, progress=SILENT, prove=lambda name: True)
    assert caught.value.hint == "rebuild it in one transaction: memsql fts.rebuild --table f"
    assert everything(conn) == before
