"""Guards that do not fit each other, and triggers in the wrong order, are found; each fix makes them right."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from indexed import make, open_
from partial import IN, INDEX, OUT, ROWS, TABLE, triggers
from trigger_writes import FAST, look, stays_right

from memsql.errors import Refused
from memsql.fts import check, discover, problems_of, rebuild

WRITES = """
    INSERT INTO t (id, body, tags, gone_at, kind, n) VALUES
        (30, 'moss', 'wet', NULL, 'note', 1), (31, 'fern', '', 'x', 'note', 1),
        (32, 'moss and alga', NULL, NULL, 'draft', 0), (33, NULL, 'dry', '', NULL, 7),
        (34, 'both moss', 'b', NULL, NULL, NULL), (35, 'gone', 'b', NULL, 'note', 0), (36, 'ten', 'b', NULL, 'x', 10);
    UPDATE t SET gone_at = 'y' WHERE id = 30;
    UPDATE t SET gone_at = NULL WHERE id = 31;
    UPDATE t SET kind = 'note' WHERE id = 32;
    UPDATE t SET body = 'moss and lichen' WHERE id = 34;
    UPDATE t SET tags = 'some', n = 3 WHERE id IN (32, 34);
    UPDATE t SET body = NULL WHERE id = 32;
    UPDATE t SET body = 'back' WHERE id = 32;
    DELETE FROM t WHERE id IN (30, 31, 32, 33, 35, 36);
"""


def replaced(*pairs: tuple[str, str], guard: str = "gone_at IS NULL") -> str:
    text = triggers(guard)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def two(*, newer: str) -> str:
    """Right triggers, but for two on AFTER UPDATE of which ``newer`` is made last."""
    out = f"CREATE TRIGGER t_old AFTER UPDATE ON t BEGIN {OUT} END;"
    into = f"CREATE TRIGGER t_new AFTER UPDATE ON t BEGIN {IN} END;"
    others = (
        f"CREATE TRIGGER t_in AFTER INSERT ON t BEGIN {IN} END;CREATE TRIGGER t_out AFTER DELETE ON t BEGIN {OUT} END;"
    )
    return others + (into + out if newer == "t_old" else out + into)


WRONG = {
    "delete without guard": (
        replaced(("BEFORE DELETE ON t WHEN old.gone_at IS NULL", "BEFORE DELETE ON t")),
        "FTS10",
        "t_out",
    ),
    "update takes out without guard": (
        replaced(("BEFORE UPDATE ON t WHEN old.gone_at IS NULL", "BEFORE UPDATE ON t")),
        "FTS10",
        "t_old",
    ),
    "update puts in without guard": (
        replaced(("AFTER UPDATE ON t WHEN new.gone_at IS NULL", "AFTER UPDATE ON t")),
        "FTS10",
        "t_new",
    ),
    "insert without guard": (
        replaced(("AFTER INSERT ON t WHEN new.gone_at IS NULL", "AFTER INSERT ON t")),
        "FTS10",
        "t_out",
    ),
    "another column": (
        replaced(("DELETE ON t WHEN old.gone_at IS NULL", "DELETE ON t WHEN old.kind IS NULL")),
        "FTS10",
        "t_out",
    ),
    "one condition less": (
        replaced(
            ("DELETE ON t WHEN old.gone_at IS NULL AND old.n > 0", "DELETE ON t WHEN old.gone_at IS NULL"),
            guard="@.gone_at IS NULL AND @.n > 0",
        ),
        "FTS10",
        "t_out",
    ),
    "the edge of a range": (
        replaced(("BEFORE DELETE ON t WHEN old.n >= 10", "BEFORE DELETE ON t WHEN old.n > 10"), guard="@.n >= 10"),
        "FTS10",
        "t_out",
    ),
    "NULL": (
        replaced(
            ("DELETE ON t WHEN old.kind IS NOT 'draft'", "DELETE ON t WHEN old.kind <> 'draft'"),
            guard="@.kind IS NOT 'draft'",
        ),
        "FTS10",
        "t_out",
    ),
    "the empty text": (
        replaced(("DELETE ON t WHEN old.gone_at IS NULL", "DELETE ON t WHEN coalesce(old.gone_at, '') = ''")),
        "FTS10",
        "t_out",
    ),
    "the guard on the wrong row": (
        replaced(("BEFORE UPDATE ON t WHEN old.gone_at IS NULL", "BEFORE UPDATE ON t WHEN new.gone_at IS NULL")),
        "FTS10",
        "t_old",
    ),
    "only when the words change": (
        replaced(
            (
                "BEFORE UPDATE ON t WHEN old.gone_at IS NULL",
                "BEFORE UPDATE ON t WHEN old.gone_at IS NULL AND old.body IS NOT new.body",
            ),
        ),
        "FTS10",
        "t_new",
    ),
    "a list without the column of the guard": (
        replaced(("AFTER UPDATE ON", "AFTER UPDATE OF body, tags ON")),
        "FTS10",
        "t_new",
    ),
    "NULL that becomes a text": (
        two(newer="t_old").replace("AFTER UPDATE ON t BEGIN", "AFTER UPDATE ON t WHEN old.body <> new.body BEGIN"),
        "FTS10",
        "t_old",
    ),
    "two triggers, the newer puts in": (two(newer="t_new"), "FTS11", "t_new"),
    "one trigger, puts in first": (
        f"CREATE TRIGGER t_in AFTER INSERT ON t BEGIN {IN} END; CREATE TRIGGER t_out AFTER DELETE ON t BEGIN {OUT} END;"
        f"CREATE TRIGGER t_upd AFTER UPDATE ON t BEGIN {IN} {OUT} END;",
        "FTS11",
        "t_upd",
    ),
    "put in before, taken out after": (
        two(newer="t_new").replace("t_new AFTER", "t_new BEFORE"),
        "FTS11",
        "t_new",
    ),
    "two guarded triggers, the newer puts in": (
        replaced(("t_old BEFORE", "t_old AFTER")),
        "FTS11",
        "t_new",
    ),
    "put in twice": (
        replaced()
        + f"CREATE TRIGGER t_in2 AFTER INSERT ON t WHEN new.gone_at IS NULL AND new.kind = 'note' BEGIN {IN} END;",
        "FTS10",
        "t_in",
    ),
}

RIGHT = {
    "another spelling": replaced(
        ("DELETE ON t WHEN old.gone_at IS NULL", 'DELETE ON t WHEN NOT (OLD."gone_at" NOTNULL)')
    ),
    "another way to say it": replaced(
        (
            "DELETE ON t WHEN old.n > 0 AND old.kind = 'note'",
            "DELETE ON t WHEN 'note' = old.kind AND NOT coalesce(old.n <= 0, 1)",
        ),
        guard="@.n > 0 AND @.kind = 'note'",
    ),
    "two triggers, the newer takes out": two(newer="t_old"),
    "only when something changes": two(newer="t_old").replace(
        "AFTER UPDATE ON t BEGIN", "AFTER UPDATE ON t WHEN old.body IS NOT new.body OR old.tags IS NOT new.tags BEGIN"
    ),
    "a list with the column of the guard": replaced(
        ("AFTER UPDATE ON", "AFTER UPDATE OF body, tags, gone_at ON"),
        ("BEFORE UPDATE ON", "BEFORE UPDATE OF gone_at, tags, body ON"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_found_and_its_fix_is_right(tmp_path: Path, case: str) -> None:
    text, code, trigger = WRONG[case]
    path = make(tmp_path / "a.db", FAST + TABLE + INDEX + text)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "b.db")) as copy:
        source.backup(copy)
    problems = look(path)
    assert [(p.code, p.severity, p.trigger) for p in problems] == [(code, "error", trigger)]
    assert not stays_right(tmp_path / "b.db", WRITES)
    for _ in range(4):
        problems = look(path)
        if not problems:
            break
        if case == "put in twice":
            assert problems[0].fix is None
            return
        assert problems[0].fix is not None, problems[0].message
        with closing(sqlite3.connect(path)) as db:
            db.executescript(problems[0].fix)
    else:
        pytest.fail(f"the fixes go round: {look(path)}")
    assert stays_right(path, WRITES)


@pytest.mark.parametrize("case", RIGHT)
def test_what_fits_is_no_finding(tmp_path: Path, case: str) -> None:
    path = make(tmp_path / "a.db", FAST + TABLE + INDEX + RIGHT[case])
    assert look(path) == []
    assert stays_right(path, WRITES)


def test_a_check_constraint_says_which_values_there_are(tmp_path: Path) -> None:
    table = TABLE.replace("n INTEGER", "n INTEGER NOT NULL CHECK (n IN (0, 1))")
    text = triggers("@.n = 1", "@.n <> 0")
    assert look(make(tmp_path / "a.db", table + INDEX + text)) == []
    (problem,) = look(make(tmp_path / "b.db", TABLE + INDEX + text))
    assert problem.code == "FTS10"


def test_other_tables_in_a_guard_are_a_warning(tmp_path: Path) -> None:
    text = "CREATE TABLE hidden (kind TEXT);" + TABLE + INDEX + triggers("@.kind NOT IN (SELECT kind FROM hidden)")
    (problem,) = look(make(tmp_path / "a.db", text + ROWS))
    assert (problem.code, problem.severity, problem.trigger) == ("FTS12", "warning", None)
    assert "depends on more than the row" in problem.message


OVER = {
    "contentless": "CREATE VIRTUAL TABLE f USING fts5 (body, tags, content='');",
    "a view": "CREATE VIEW v AS SELECT id, body, tags FROM t WHERE gone_at IS NULL;"
    + INDEX.replace("content='t'", "content='v'"),
}


@pytest.mark.parametrize("over", OVER)
def test_the_triggers_of_other_tables_are_tried_out_too(tmp_path: Path, over: str) -> None:
    assert look(make(tmp_path / "a.db", TABLE + OVER[over] + triggers())) == []
    wrong = replaced(("BEFORE DELETE ON t WHEN old.gone_at IS NULL", "BEFORE DELETE ON t"))
    (problem,) = look(make(tmp_path / "b.db", TABLE + OVER[over] + wrong))
    assert (problem.code, problem.trigger, problem.fix) == ("FTS10", "t_out", None)


def test_many_guards_take_no_time(tmp_path: Path) -> None:
    columns = [f"c{n}" for n in range(30)]
    table = TABLE.replace("n INTEGER", ", ".join(f"{column} TEXT" for column in columns))
    guard = " AND ".join(f"@.{column} IS NOT 'v{n}'" for n, column in enumerate(columns))
    path = make(tmp_path / "a.db", table + INDEX + triggers(guard))
    started = time.process_time()
    assert look(path) == []
    assert time.process_time() - started < 3


@pytest.mark.parametrize("guard", ["old.kind IS NULL", "1"])
def test_a_rebuild_is_refused_where_insert_and_delete_mean_different_rows(tmp_path: Path, guard: str) -> None:
    text = replaced(("DELETE ON t WHEN old.gone_at IS NULL", f"DELETE ON t WHEN {guard}"))
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + text + "INSERT INTO t (id, body) VALUES (1, 'moss');"))
    before = conn.execute("SELECT * FROM f_data").rows
    with pytest.raises(Refused, match="f cannot be rebuilt, for its triggers disagree: trigger t_out"):
        rebuild(conn, discover(conn)[0])
    assert conn.execute("SELECT * FROM f_data").rows == before


def test_an_index_is_right_if_it_holds_what_the_delete_trigger_takes_out(tmp_path: Path) -> None:
    text = replaced(("AFTER INSERT ON t WHEN new.gone_at IS NULL", "AFTER INSERT ON t"))
    rows = "INSERT INTO t (id, body) VALUES (1, 'moss'), (2, 'fern'); UPDATE t SET gone_at = 'x' WHERE id = 2;"
    conn = open_(make(tmp_path / "a.db", TABLE + INDEX + text + rows))
    (index,) = discover(conn)
    assert check(conn, index).ok
    assert check(conn, index).note == "partial: the rows of t for which gone_at IS NULL"
    assert [p.code for p in problems_of(conn, index)] == ["FTS10"]
    conn.execute("INSERT INTO t (id, body, gone_at) VALUES (3, 'gone', 'x')")
    assert not check(conn, index).ok
