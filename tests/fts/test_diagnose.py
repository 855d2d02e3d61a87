"""Trigger mistakes: each is found, right triggers in any style are not, and every proposed fix is right."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from indexed import INDEX, TABLE, make, open_
from trigger_writes import FAST, look, stays_right

from memsql.fts import Problem, discover, problems_of

RIGHT = {
    "insert": "INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body);",
    "delete": "INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);",
}
RIGHT["update"] = RIGHT["delete"] + RIGHT["insert"]


def trigger(
    event: str, body: str | None = None, *, time: str = "AFTER", of: str = "", when: str = "", name: str = ""
) -> str:
    name = name or f"docs_fts_{event}"
    return (
        f"CREATE TRIGGER {name} {time} {event} {of} ON docs {when} BEGIN "
        f"{RIGHT[event] if body is None else body} END;\n"
    )


def with_triggers(path: Path, **changed: str) -> Path:
    """docs and docs_fts with right triggers; ``changed`` gives the whole text for an event."""
    return make(
        path, FAST + TABLE + INDEX + "".join(changed.get(e, trigger(e)) for e in ("insert", "delete", "update"))
    )


STYLES = {
    "as documented": {},
    "lower case, odd space": {"update": trigger("update").lower().replace(" ", "\n  ").replace(",", " ,")},
    "command first": {
        "delete": trigger(
            "delete",
            "INSERT INTO docs_fts(docs_fts, rowid, body, title) VALUES('delete', old.id, old.body, old.title);",
        )
    },
    "command last": {
        "delete": trigger(
            "delete",
            "INSERT INTO docs_fts(title, rowid, body, docs_fts) VALUES(old.title, old.id, old.body, 'DELETE');",
        )
    },
    "other order": {
        "insert": trigger("insert", "INSERT INTO docs_fts(body, title, rowid) VALUES (new.body, new.title, new.id);")
    },
    "if not exists": {"insert": trigger("insert", name="IF NOT EXISTS docs_fts_insert")},
    "in main": {"insert": trigger("insert", name="main.docs_fts_insert")},
    "quoted names": {
        "update": """
        CREATE TRIGGER "after delete on docs" AFTER UPDATE ON [docs] BEGIN
        INSERT INTO "docs_fts" ("docs_fts", [rowid], `title`, "body") VALUES ('delete', old."id", old.[title],
            old.`body`);
        INSERT INTO 'docs_fts' ("rowid", title, body) VALUES (new.[id], NEW . "title", new.body); END;"""
    },
    "rowid for the key": {
        "insert": trigger("insert", "INSERT INTO docs_fts(oid, title, body) VALUES (new.rowid, new.title, new.body);"),
        "delete": trigger(
            "delete",
            "INSERT INTO docs_fts(docs_fts, _rowid_, title, body) VALUES ('delete', old._rowid_, old.title, old.body);",
        ),
    },
    "two update triggers": {
        "update": trigger("update", RIGHT["delete"], time="BEFORE", name="first")
        + trigger("update", RIGHT["insert"], name="second")
    },
    "delete before": {
        "delete": trigger("delete", "DELETE FROM docs_fts WHERE rowid = old.id;", time="BEFORE"),
        "update": trigger("update", "DELETE FROM docs_fts WHERE rowid = old.id;", time="BEFORE", name="first")
        + trigger("update", RIGHT["insert"], name="second"),
    },
    "update before": {
        "update": trigger(
            "update",
            "UPDATE docs_fts SET rowid = new.id, title = new.title, body = new.body WHERE rowid = old.id;",
            time="BEFORE",
        )
    },
    "no time is before": {"delete": trigger("delete", "DELETE FROM docs_fts WHERE rowid = old.id;", time="")},
    "of all columns": {"update": trigger("update", of='OF id, "title", [body]')},
    "when something changed": {
        "update": trigger(
            "update", when="WHEN old.id IS NOT new.id OR old.title IS NOT new.title OR old.body IS NOT new.body"
        )
    },
    "when with words": {
        "update": trigger("update", when="WHEN 'delete on' <> 'BEGIN UPDATE' AND CASE WHEN 1 THEN 1 END")
    },
    "select": {
        "update": trigger(
            "update",
            "INSERT INTO docs_fts(docs_fts, rowid, title, body) SELECT 'delete', old.id, old.title, "
            "old.body WHERE old.id > -1e9;"
            "INSERT INTO docs_fts(rowid, title, body) SELECT new.id, new.title, new.body;",
        )
    },
    "select from content": {
        "insert": trigger(
            "insert", "INSERT INTO docs_fts(rowid, title, body) SELECT id, title, body FROM docs WHERE id = new.id;"
        )
    },
    "select a star": {
        "insert": trigger("insert", "INSERT INTO docs_fts(rowid, title, body) SELECT * FROM docs WHERE id = new.id;")
    },
    "expressions": {
        "insert": trigger(
            "insert",
            "INSERT INTO docs_fts(rowid, title, body) "
            "VALUES (new.id, coalesce(nullif(new.title, ''), ''), lower(new.body));",
        )
    },
    "rebuild": {"update": trigger("update", "INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');")},
    "comments": {
        "update": trigger("update")
        .replace("AFTER", "/* BEFORE DELETE */ AFTER -- INSERT ON\n")
        .replace("VALUES", "/* DELETE FROM docs_fts; */ VALUES -- it's\n")
    },
    "more in the body": {
        "delete": trigger(
            "delete", "SELECT 1; " + RIGHT["delete"] + "INSERT INTO docs_fts(docs_fts, rank) VALUES ('merge', 4);"
        )
    },
}


@pytest.mark.parametrize("style", STYLES)
def test_right_triggers_of_any_style_are_no_finding(tmp_path: Path, style: str) -> None:
    path = with_triggers(tmp_path / "a.db", **STYLES[style])
    assert look(path) == []
    assert stays_right(path), "the test's own idea of right is wrong"


MISTAKES = {
    "delete from": ("FTS02", "delete", "DELETE FROM docs_fts WHERE rowid = old.id;", {}),
    "delete from on update": ("FTS02", "update", "DELETE FROM docs_fts WHERE rowid = old.id;" + RIGHT["insert"], {}),
    "delete from, quoted": ("FTS02", "delete", "DELETE FROM [DOCS_FTS] WHERE rowid = old.id;", {}),
    "delete from among others": (
        "FTS02",
        "delete",
        "SELECT 1; DELETE FROM docs_fts WHERE rowid = old.id; SELECT 2;",
        {},
    ),
    "never taken out": ("FTS02", "update", RIGHT["insert"], {}),
    "replace": ("FTS02", "update", RIGHT["insert"].replace("INSERT", "INSERT OR REPLACE"), {}),
    "never put in": ("FTS01", "update", RIGHT["delete"], {}),
    "new values taken out": ("FTS03", "update", RIGHT["delete"].replace("old.", "new.") + RIGHT["insert"], {}),
    "old values put in": ("FTS03", "update", RIGHT["delete"] + RIGHT["insert"].replace("new.", "old."), {}),
    "a column left out": ("FTS04", "insert", "INSERT INTO docs_fts(rowid, title) VALUES (new.id, new.title);", {}),
    "a column left out of delete": (
        "FTS04",
        "delete",
        "INSERT INTO docs_fts(docs_fts, rowid, body) VALUES ('delete', old.id, old.body);",
        {},
    ),
    "columns crossed": (
        "FTS04",
        "insert",
        "INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.body, new.title);",
        {},
    ),
    "columns crossed in select": (
        "FTS04",
        "insert",
        "INSERT INTO docs_fts(rowid, title, body) SELECT new.id, new.body, new.title;",
        {},
    ),
    "no rowid": ("FTS04", "insert", "INSERT INTO docs_fts(title, body) VALUES (new.title, new.body);", {}),
    "no columns": ("FTS04", "insert", "INSERT INTO docs_fts VALUES (new.title, new.body);", {}),
    "wrong rowid": (
        "FTS04",
        "insert",
        "INSERT INTO docs_fts(rowid, title, body) VALUES (new.title, new.title, new.body);",
        {},
    ),
    "of some columns": ("FTS07", "update", None, {"of": "OF title"}),
    "update": ("FTS08", "update", "UPDATE docs_fts SET title = new.title, body = new.body WHERE rowid = old.id;", {}),
    "before insert": ("FTS09", "insert", None, {"time": "BEFORE"}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_its_code_and_a_fix_that_is_right(tmp_path: Path, mistake: str) -> None:
    code, event, body, how = MISTAKES[mistake]
    assert not stays_right(with_triggers(tmp_path / "wrong.db", **{event: trigger(event, body, **how)})), "no mistake"
    path = with_triggers(tmp_path / "a.db", **{event: trigger(event, body, **how)})
    (finding,) = look(path)
    assert (finding.code, finding.severity, finding.table, finding.trigger) == (
        code,
        "error",
        "docs_fts",
        f"docs_fts_{event}",
    )
    assert f"docs_fts_{event}" in finding.message
    _fix(path, finding)
    assert look(path) == []
    assert stays_right(path)


def _fix(path: Path, finding: Problem) -> None:
    assert finding.fix is not None
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FAST + finding.fix)


@pytest.mark.parametrize("event", ["insert", "delete", "update"])
def test_a_missing_trigger_is_found_and_given(tmp_path: Path, event: str) -> None:
    path = with_triggers(tmp_path / "a.db", **{event: ""})
    (finding,) = look(path)
    assert (finding.code, finding.trigger) == ("FTS01", None)
    assert f"no trigger on {event} of docs" in finding.message
    _fix(path, finding)
    assert look(path) == []
    assert stays_right(path)


def test_a_trigger_on_another_table_does_not_count(tmp_path: Path) -> None:
    path = with_triggers(
        tmp_path / "a.db",
        insert="CREATE TABLE log (id, title, body);"
        + trigger("insert", name="docs_fts_insert").replace("ON docs", "ON log"),
    )
    (finding,) = look(path)
    assert finding.code == "FTS01"
    _fix(path, finding)
    assert look(path) == []
    assert stays_right(path)


def test_a_fix_replaces_every_trigger_of_the_event(tmp_path: Path) -> None:
    path = with_triggers(
        tmp_path / "a.db",
        update=trigger("update", RIGHT["delete"].replace("old.title", "old.body"), name="one")
        + trigger("update", RIGHT["insert"], name="two"),
    )
    (finding,) = look(path)
    assert (finding.code, finding.trigger) == ("FTS04", "one")
    _fix(path, finding)
    assert look(path) == []
    assert stays_right(path)


def test_a_fix_keeps_what_else_a_trigger_does(tmp_path: Path) -> None:
    body = (
        "DELETE FROM docs_fts WHERE rowid = old.id; INSERT INTO log VALUES ('gone; ' || old.id); "
        "UPDATE log SET a = a || '!';"
    )
    path = with_triggers(
        tmp_path / "a.db",
        delete="CREATE TABLE log (a);" + trigger("delete", body, when="WHEN old.id > 10", name="docs_fts_delete"),
    )
    (finding,) = look(path)
    _fix(path, finding)
    assert look(path) == []
    assert stays_right(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO docs VALUES (1, 'x', 'y')")
        db.execute("DELETE FROM docs WHERE id = 1")
        assert sorted(db.execute("SELECT a FROM log")) == [("gone; 11!!",), ("gone; 13!",)]
    assert stays_right(path, "")


def test_names_that_need_quotes_are_quoted_in_the_fix(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE "my 'table" ("order" INTEGER PRIMARY KEY, "group" TEXT, "Big ""One" TEXT, "from" TEXT);
        CREATE VIRTUAL TABLE "index" USING fts5("group", "Big ""One", [from] UNINDEXED,
            content='my ''table', content_rowid='order');
        CREATE TRIGGER "select" AFTER DELETE ON "my 'table" BEGIN DELETE FROM "index" WHERE rowid = old."order"; END;
    """,
    )
    problems = look(path)
    assert [f.code for f in problems] == ["FTS01", "FTS02", "FTS01"]
    for finding in problems:
        _fix(path, finding)
    assert look(path) == []
    assert stays_right(
        path,
        """
        INSERT INTO "my 'table" VALUES (1, 'one', 'two', 'three'), (2, 'x', NULL, 'z');
        UPDATE "my 'table" SET "group" = 'four', "from" = NULL WHERE "order" = 1;
            DELETE FROM "my 'table" WHERE "order" = 2;""",
    )


@pytest.mark.parametrize(
    ("table", "index", "expected"),
    [
        ("CREATE TABLE docs (id TEXT PRIMARY KEY, title TEXT, body TEXT);", INDEX, [("FTS05", "error")]),
        ("CREATE TABLE docs (id INT PRIMARY KEY, title TEXT, body TEXT);", INDEX, [("FTS05", "error")]),
        (
            "CREATE TABLE docs (id TEXT PRIMARY KEY, title TEXT, body TEXT);",
            INDEX.replace("'id'", "'rowid'"),
            [("FTS05", "warning")],
        ),
        ("CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT);", INDEX, [("FTS06", "error")]),
        ("CREATE TABLE docs (ID INTEGER PRIMARY KEY, TITLE TEXT, BODY TEXT);", INDEX, []),
        ("CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT AS (upper(title)));", INDEX, []),
    ],
)
def test_the_content_table_is_looked_at(
    tmp_path: Path, table: str, index: str, expected: list[tuple[str, str]]
) -> None:
    path = make(tmp_path / "a.db", table + index)
    conn = open_(path)
    problems = [f for f in problems_of(conn, discover(conn)[0]) if f.code not in ("FTS01",)]
    conn.close()
    assert [(f.code, f.severity) for f in problems] == expected


def test_a_view_needs_no_triggers_and_a_missing_table_is_an_error(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        TABLE + "CREATE VIEW v AS SELECT id, title FROM docs;"
        "CREATE VIRTUAL TABLE over_view USING fts5(title, content='v', content_rowid='id');"
        "CREATE VIRTUAL TABLE over_nothing USING fts5(title, content='nothing');"
        "CREATE VIRTUAL TABLE own USING fts5(title);",
    )
    assert [(f.table, f.code) for f in look(path)] == [("over_nothing", "FTS06")]


def test_a_contentless_table_takes_the_delete_command_only(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        TABLE
        + INDEX.replace("'docs'", "''").replace(", content_rowid='id'", "")
        + trigger("insert")
        + trigger("delete")
        + trigger("update", "DELETE FROM docs_fts WHERE rowid = old.id;"),
    )
    (finding,) = look(path)
    assert (finding.code, finding.trigger) == ("FTS02", "docs_fts_update")
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO docs VALUES (1, 'a', 'b')")
        with pytest.raises(sqlite3.OperationalError, match="contentless"):
            db.execute("UPDATE docs SET title = 'c'")
        db.execute("DELETE FROM docs")
