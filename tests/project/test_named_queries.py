"""Queries in the files of an application, as sqlc, aiosql and yesql write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from memsql import config
from memsql.config import Settings
from memsql.errors import ConfigError, FileError
from memsql.project.named_queries import hot_queries, read_named

SQLC = """\
-- name: GetUser :one
SELECT sqlc.embed(users) FROM users WHERE id = ? LIMIT 1;

-- name: ListMemories :many
-- plan: no scan of memories
SELECT * FROM memories
WHERE user_id = $1 AND kind IN (sqlc.slice('kinds')) AND at > sqlc.narg(after) AND body = @body;

/* name: DeleteMemory :exec */
DELETE FROM memories WHERE id = ?2 AND user_id = ?;

-- name: Setup :exec
CREATE TABLE x (a);
"""
AIOSQL = """\
-- Everything about users: no name yet.
-- name: get-user-by-email^
-- Fetch one user. Note: plan: is a word of prose here.
-- plan: no scan, rows read <= 2
-- param: email = 'a@b.c'
select id, '-- name: not-this' from users where email = :email
-- name: users_of(org)
select * from users where org = :org.name
-- why: the count on the front page
-- name: count_users$
select count(*) from users;
-- name: add-user<!
insert into users (email) values (:email);
-- name: both#
select 1; select 2;
"""


def test_names_and_variables_of_sqlc() -> None:
    queries = read_named(SQLC, "q.sql")
    assert [(q.name, q.line) for q in queries] == [("GetUser", 2), ("ListMemories", 6), ("DeleteMemory", 10)]
    assert "users.*" in queries[0].sql
    assert [q.variables for q in queries] == [("1",), ("1", "kinds", "after", "body"), ("2", "3")]
    assert [e.text for e in queries[1].expected] == ["no scan of memories"]
    assert [q.only_reads for q in queries] == [True, True, False]


def test_names_comments_and_operators_of_aiosql() -> None:
    queries = read_named(AIOSQL, "q.sql")
    names = ["get-user-by-email", "users_of", "count_users", "add-user", "both", "both 2"]
    assert [q.name for q in queries] == [*names[:4], "both", "both 2"]
    assert [e.text for e in queries[0].expected] == ["no scan", "rows read <= 2"]
    assert "email = 'a@b.c'" in queries[0].sql
    assert queries[1].variables == ("org",)
    assert queries[1].text.endswith("= :org")
    assert queries[2].why == "the count on the front page"
    assert len({(q.path, q.part) for q in queries}) == len(queries)


def test_a_file_without_names() -> None:
    assert [q.name for q in read_named("SELECT 1", "app/one.sql")] == ["one"]
    assert [q.name for q in read_named("SELECT 1; SELECT 2;", "app/two.sql")] == ["two 1", "two 2"]
    assert read_named("-- nothing\n", "app/none.sql") == []
    named = read_named("SELECT 1;\n-- name: later\nSELECT 2;", "app/some.sql")
    assert [q.name for q in named] == ["some", "later"]


def test_what_is_meant_for_a_plan_and_cannot_be_read_is_refused_with_its_line() -> None:
    for line in ("-- plan: no scn", "-- plans: no scan"):
        with pytest.raises(FileError) as caught:
            read_named(f"-- name: a\n{line}\nSELECT 1;\n", "app/q.sql")
        assert str(caught.value.where) == "app/q.sql:2"
    assert read_named("-- name: a\n-- plans: to be made\n-- Plan: see the wiki\nSELECT 1;\n", "q.sql")


def settings(folder: Path, pattern: str) -> Settings:
    (folder / "setup.cfg").write_text(f"[memsql]\nqueries = {pattern}\n", encoding="utf-8")
    return config.load(project=str(folder), environ={})


def test_patterns_of_the_settings(tmp_path: Path) -> None:
    for name in ("sql/queries/a.sql", "app/b.sql", "app/deep/c.sql", "other/d.sql"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SELECT 1;\n", encoding="utf-8")
    found = hot_queries(settings(tmp_path, "app/**/*.sql other/*.sql, sql/queries/*.sql"))
    assert [q.path for q in found] == ["sql/queries/a.sql", "app/b.sql", "app/deep/c.sql", "other/d.sql"]


@pytest.mark.parametrize("pattern", ["none/*.sql", "../*.sql", "/etc/*.sql", "out/*.sql"])
def test_a_pattern_that_leads_nowhere_or_out(tmp_path: Path, pattern: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.sql").write_text("SELECT 1;\n", encoding="utf-8")
    project = tmp_path / "project"
    project.mkdir()
    (project / "out").symlink_to(outside)
    with pytest.raises(ConfigError, match=r"queries = |follows none"):
        hot_queries(settings(project, pattern))


@pytest.mark.parametrize(("text", "price"), [("", None), ("1.00", 1.0), ("0", 0.0)])
def test_the_price_of_rows(tmp_path: Path, text: str, price: float | None) -> None:
    (tmp_path / "setup.cfg").write_text(f"[memsql]\nprice_rows_read = {text}\n", encoding="utf-8")
    assert config.load(project=str(tmp_path), environ={}).price_rows_read == price


@pytest.mark.parametrize("text", ["free", "-1", "nan", "1e99"])
def test_what_is_no_price(tmp_path: Path, text: str) -> None:
    (tmp_path / "setup.cfg").write_text(f"[memsql]\nprice_rows_read = {text}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a price"):
        config.load(project=str(tmp_path), environ={})


def test_lines_of_many_queries() -> None:
    text = "".join(f"-- name: q{n}\n-- plan: no scan\nSELECT {n};\n\n" for n in range(2000))
    queries = read_named(text, "app/q.sql")
    assert [(q.name, q.line) for q in queries] == [(f"q{n}", n * 4 + 3) for n in range(2000)]
    assert all(q.expected for q in queries)
