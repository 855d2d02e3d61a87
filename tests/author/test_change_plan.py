"""What is decided about an edited schema, without a file and without a database to migrate."""

from __future__ import annotations

import pytest

from memsql.author.change import CannotChange, ChangePlan, Hints, Renames, match_tables, plan_change, render, step_sql
from memsql.author.change.steps import Loss, RebuildTable, RenameColumn
from memsql.schema import from_sql

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"


def planned(
    before: str, after: str, renames: Renames | None = None, hints: Hints | None = None, *, back: bool = False
) -> ChangePlan:
    return plan_change(from_sql(before), from_sql(after), renames or Renames(), hints or Hints(), back=back)


def statements(plan: ChangePlan) -> list[str]:
    return [step_sql(step) for step in plan.steps]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (USERS, USERS, []),
        ("", USERS, [USERS]),
        (USERS, "", ["DROP TABLE users;"]),
        (USERS, USERS.replace("name TEXT", "name TEXT, age INT"), ["ALTER TABLE users ADD COLUMN age INT;"]),
        (
            USERS,
            USERS.replace("name TEXT", "name TEXT, age INT NOT NULL DEFAULT 1"),
            ["ALTER TABLE users ADD COLUMN age INT NOT NULL DEFAULT 1;"],
        ),
        (USERS.replace("name TEXT", "name TEXT, age INT"), USERS, ["ALTER TABLE users DROP COLUMN age;"]),
        (
            USERS + "CREATE INDEX i ON users (name);",
            USERS + "CREATE INDEX i ON users (name DESC);",
            ["DROP INDEX i;", "CREATE INDEX i ON users (name DESC);"],
        ),
        (
            USERS + "CREATE VIEW b AS SELECT * FROM users; CREATE VIEW a AS SELECT * FROM b;",
            "",
            ["DROP VIEW a;", "DROP VIEW b;", "DROP TABLE users;"],
        ),
        (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (p REFERENCES parent);",
            "",
            ["DROP TABLE child;", "DROP TABLE parent;"],
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);",
            "",
            ["DELETE FROM sqlite_sequence WHERE name = 't';", "DROP TABLE t;"],
        ),
    ],
)
def test_plain_statements(before: str, after: str, expected: list[str]) -> None:
    plan = planned(before, after)
    assert statements(plan) == expected
    assert plan.rebuilds == ()


@pytest.mark.parametrize(
    "column",
    [
        "age INT UNIQUE",
        "age INT REFERENCES users DEFAULT 1",
        "age INT DEFAULT (1 + 1)",
        "age INT DEFAULT CURRENT_TIMESTAMP",
        "age INT GENERATED ALWAYS AS (1) STORED",
    ],
)
def test_a_column_that_add_column_refuses_rebuilds_the_table(column: str) -> None:
    plan = planned(USERS, USERS.replace("name TEXT", f"name TEXT, {column}"))
    assert plan.rebuilds == ("users",)
    assert plan.foreign_keys_off


@pytest.mark.parametrize(
    "after",
    [
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE);",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, CHECK (name <> ''));",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT) STRICT;",
    ],
)
def test_another_definition_rebuilds_the_table(after: str) -> None:
    assert planned(USERS, after).rebuilds == ("users",)


@pytest.mark.parametrize(
    "after",
    [
        "create table USERS (name text, /* the key */ id integer primary key)",
        'CREATE TABLE "users" ([name] TEXT, `id` INTEGER PRIMARY KEY)',
    ],
)
def test_layout_and_order_change_nothing(after: str) -> None:
    assert statements(planned(USERS, after)) == []


def test_renames_are_not_drops() -> None:
    after = "CREATE TABLE people (id INTEGER PRIMARY KEY, full_name TEXT);"
    renames = Renames({"people": "users"}, {("people", "full_name"): "name"})
    plan = planned(USERS, after, renames)
    assert statements(plan) == [
        "ALTER TABLE users RENAME TO people;",
        "ALTER TABLE people RENAME COLUMN name TO full_name;",
    ]
    assert plan.losses == ()
    assert statements(planned(after, USERS, renames.reversed(), back=True)) == [
        "ALTER TABLE people RENAME TO users;",
        "ALTER TABLE users RENAME COLUMN full_name TO name;",
    ]


def test_a_name_that_another_column_gives_up_is_taken_after_it() -> None:
    before, after = "CREATE TABLE t (a TEXT, b TEXT);", "CREATE TABLE t (b TEXT);"
    plan = planned(before, after, Renames(columns={("t", "b"): "a"}))
    assert statements(plan) == ["ALTER TABLE t DROP COLUMN b;", "ALTER TABLE t RENAME COLUMN a TO b;"]


def test_columns_that_swap_their_names_rebuild_the_table() -> None:
    table = "CREATE TABLE t (a TEXT, b TEXT);"
    plan = planned(table, table, Renames(columns={("t", "b"): "a", ("t", "a"): "b"}))
    *renames, step = plan.steps
    assert renames == [RenameColumn("t", "b", "old_b"), RenameColumn("t", "a", "old_a")]
    assert isinstance(step, RebuildTable)
    assert step.copies == (("rowid", "rowid"), ("a", "old_b"), ("b", "old_a"))


def test_a_rebuild_drops_and_creates_what_stands_on_the_table() -> None:
    rest = (
        "CREATE INDEX i ON users (name); CREATE VIEW v AS SELECT name FROM users;"
        "CREATE TRIGGER g AFTER INSERT ON users BEGIN SELECT 1; END;"
    )
    plan = planned(USERS + rest, USERS.replace("TEXT", "TEXT NOT NULL DEFAULT ''") + rest)
    first, *_, index, view, trigger = statements(plan)
    assert first == "DROP VIEW v;"
    assert index.startswith("CREATE INDEX i")
    assert view.startswith("CREATE VIEW v")
    assert trigger.startswith("CREATE TRIGGER g")


def test_the_way_back_says_what_it_makes_up() -> None:
    before = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL, a TEXT);"
    after = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
    up, down = planned(before, after), planned(after, before, back=True)
    sentence = "Loses the values of t.code; the way back makes the column again without them."
    assert up.losses == (Loss("t", "code", sentence),)
    assert "-- Nobody knows code any more: it becomes ''." in render(down, "Undo")


@pytest.mark.parametrize(
    ("before", "after", "renames", "message"),
    [
        (USERS, USERS.replace("name TEXT", "name TEXT, age INT NOT NULL"), Renames(), "is new and NOT NULL without"),
        (USERS, "CREATE TABLE people (a);", Renames({"people": "nobody"}), "there is no such table"),
        (USERS, USERS, Renames(columns={("users", "name"): "nothing"}), "users has no such column"),
        (
            USERS,
            "CREATE TABLE a (x); CREATE TABLE b (x);",
            Renames({"a": "users", "b": "users"}),
            "two tables are renamed from users",
        ),
        (
            "CREATE TABLE t (a, b);",
            "CREATE TABLE t (c, d);",
            Renames(columns={("t", "c"): "a", ("t", "d"): "a"}),
            "two columns of t are renamed from a",
        ),
        (
            "CREATE VIRTUAL TABLE f USING fts5(a, content='');",
            "CREATE VIRTUAL TABLE f USING fts5(a, b, content='');",
            Renames(),
            "what it holds is nowhere else",
        ),
    ],
)
def test_what_cannot_be_derived(before: str, after: str, renames: Renames, message: str) -> None:
    with pytest.raises(CannotChange, match=message):
        planned(before, after, renames)


def test_a_way_back_without_a_value_is_refused() -> None:
    parent = "CREATE TABLE p (id INTEGER PRIMARY KEY);"
    before = parent + "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES p);"
    after = parent + "CREATE TABLE c (id INTEGER PRIMARY KEY);"
    with pytest.raises(CannotChange, match="is NOT NULL and refers to another table"):
        planned(after, before, back=True)


def test_hints_overrule_the_rules() -> None:
    view = "CREATE VIEW v AS SELECT 1;"
    longer = USERS.replace("name TEXT", "name TEXT, age INT")
    assert planned(USERS, longer, hints=Hints(rebuild=frozenset({"users"}))).rebuilds == ("users",)
    assert statements(planned(view, view, hints=Hints(recreate=frozenset({"v"})))) == [
        "DROP VIEW v;",
        "CREATE VIEW v AS SELECT 1;",
    ]


def test_an_index_over_a_rebuilt_table_is_built_anew() -> None:
    docs = "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);"
    index = "CREATE VIRTUAL TABLE f USING fts5(body, content='docs', content_rowid='id');"
    plan = planned(docs + index, docs.replace("TEXT", "TEXT NOT NULL DEFAULT ''") + index)
    assert plan.fts_rebuild == ("f",)
    assert "-- fts_rebuild: f\n" in render(plan, "x")


def test_tables_are_matched_by_name_and_rename() -> None:
    before = from_sql("CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x);")
    after = from_sql("CREATE TABLE A (x); CREATE TABLE d (x); CREATE TABLE e (x);")
    matches = match_tables(before, after, Renames({"d": "b"}))
    assert [(c.old.name, c.new.name) for c in matches.changes] == [("a", "A"), ("b", "d")]
    assert [t.name for t in matches.created] == ["e"]
    assert [t.name for t in matches.dropped] == ["c"]


def test_notes_ask_about_what_looks_like_a_rename() -> None:
    plan = planned("CREATE TABLE t (a TEXT, b INT);", "CREATE TABLE t (b INT, c TEXT);")
    assert [note for note in plan.notes if "if that is the same column" in note]
    plan = planned("CREATE TABLE t (a, b);", "CREATE TABLE u (a, b);")
    assert [note for note in plan.notes if "write `-- renamed from: t` above it" in note]
