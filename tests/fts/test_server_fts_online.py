"""Rebuilding a full-text index on a server while others write: stopped, disturbed, and with lost answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise

import pytest
import servers
from cli import Done
from indexed_server import FIRE, OBJECTS, clean, ok, online
from proxy import Action, Cut, Request, proxy_to

from memsql.db import Connection, connect
from memsql.errors import ConnectError, Interrupted, LockedError, Refused, StatementError
from memsql.fts import abort, discover, unfinished
from memsql.server import Running


def test_online_changes_nothing_but_the_index(broken: Connection, memsql: Callable[..., Done]) -> None:
    broken.script(FIRE)
    objects, fired = broken.execute(OBJECTS).rows, broken.execute("SELECT what FROM log").rows
    report = memsql("fts.rebuild", "--online", "--chunk", "77", "--json").expect(0).json()
    assert report["lines"] == ["docs_fts: rebuilt online, 500 rows copied (proven)"]
    assert clean(broken)
    assert broken.execute(OBJECTS).rows == objects
    assert broken.execute("SELECT v FROM docs_fts_config WHERE k = 'rank'").one() == "bm25(10.0, 5.0)"
    assert broken.execute("SELECT rowid FROM docs_fts('changed')").rows == [(30,)]
    broken.script(FIRE)
    assert broken.execute("SELECT what FROM log").rows == fired
    assert len(fired) == 2


def test_a_chunk_is_one_request(broken: Connection) -> None:
    marks: list[int] = []
    after = {n: (lambda: marks.append(broken.requests)) for n in range(6)}
    assert online(broken, chunk=100, after=after) == 500
    assert [b - a for a, b in pairwise(marks[1:])] == [1] * (len(marks) - 2)
    assert len(marks) == 6


@pytest.mark.parametrize("kind", servers.KINDS)
def test_online_beside_a_writer(broken: Connection, empty_server: Running, kind: str) -> None:
    writing, errors = threading.Event(), []

    def write() -> None:
        with closing(connect(servers.target(empty_server.url), "rw")) as other:
            number = 0
            while not writing.is_set():
                number += 1
                key = (number * 37) % 1500
                try:
                    other.batch(
                        [
                            (f"INSERT INTO docs VALUES ({10_000 + number}, 'new', 'by another')", ()),
                            (f"UPDATE docs SET body = 'u{number}' WHERE id = {key}", ()),
                            (f"DELETE FROM docs WHERE id = {key + 3}", ()),
                            (f"UPDATE docs SET id = {-number * 1000} WHERE id = {key + 6}", ()),
                        ]
                    )
                except (StatementError, LockedError, ConnectError) as e:
                    errors.append(e)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with closing(connect(servers.target(empty_server.url.replace("http", kind)), "rw")) as conn:
            online(conn, chunk=40)
    finally:
        writing.set()
        thread.join()
    assert errors == []
    assert clean(broken)


def test_what_is_written_between_chunks_and_after_the_proof_is_in(broken: Connection, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:

        def prove(name: str) -> bool:
            proven = ok(conn, name)
            broken.script("UPDATE docs SET body = 'after the proof' WHERE id = 33")
            return proven

        online(
            conn,
            prove=prove,
            after={
                1: lambda: broken.script(
                    "DELETE FROM docs WHERE id < 0; INSERT INTO docs VALUES (-7000, 'low', 'low')"
                ),
                3: lambda: broken.script(
                    "UPDATE docs SET id = -7001 WHERE id = 900; INSERT INTO docs VALUES (7000, 'high', 'x')"
                ),
            },
        )
    assert clean(broken)
    assert broken.execute("SELECT rowid FROM docs_fts('low OR high') ORDER BY 1").rows == [(-7000,), (7000,)]
    assert broken.execute("SELECT count(*) FROM docs_fts('proof')").one() == 1


@pytest.mark.parametrize("after_proof", [False, True])
def test_a_replace_is_noticed(broken: Connection, empty_server: Running, after_proof: bool) -> None:
    broken.script("DELETE FROM docs WHERE id = 30")
    replace = "INSERT OR REPLACE INTO docs VALUES (0, 'replaced', 'replaced')"
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:

        def prove(name: str) -> bool:
            proven = ok(conn, name)
            if after_proof:
                broken.script(replace)
            return proven

        online(conn, prove=prove, after={} if after_proof else {2: lambda: broken.script(replace)})
    assert clean(broken)


def test_without_columnsize_the_index_is_checked_in_place(broken: Connection) -> None:
    broken.script("""DROP TABLE docs_fts;
        CREATE VIRTUAL TABLE docs_fts USING fts5(title, body, content='docs', content_rowid='id', columnsize=0)""")
    online(broken)
    assert clean(broken)


def test_a_migration_in_the_middle_begins_it_again(broken: Connection, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        online(
            conn,
            after={
                2: lambda: broken.script("""
            BEGIN;
            DROP VIEW unrelated; DROP VIEW "found twice";
            CREATE TABLE docs_new (id INTEGER PRIMARY KEY, title TEXT, body TEXT, more TEXT);
            INSERT INTO docs_new SELECT id, title, body, NULL FROM docs;
            DROP TABLE docs; ALTER TABLE docs_new RENAME TO docs; COMMIT;""")
            },
        )
    assert clean(broken)


def test_a_redefined_index_begins_it_again(broken: Connection, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        online(
            conn,
            after={
                2: lambda: broken.script("""
            DROP TABLE docs_fts;
            CREATE VIRTUAL TABLE docs_fts USING fts5(title, content='docs', content_rowid='id')""")
            },
        )
    assert discover(broken)[0].columns == ("title",)
    assert ok(broken)


def test_a_dropped_index_ends_it(broken: Connection, empty_server: Running, memsql: Callable[..., Done]) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn, pytest.raises(Refused, match="was dropped"):
        online(conn, after={2: lambda: broken.script("DROP TABLE docs_fts")})
    memsql("fts.rebuild", "--abort").expect(0, "gave the rebuild up")
    assert broken.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'").rows == []


def test_stopped_and_gone_on_with_and_given_up(broken: Connection, memsql: Callable[..., Done]) -> None:
    steps = iter(range(100))
    with pytest.raises(Interrupted) as caught:
        online(broken, stopped=lambda: next(steps) == 3)
    assert caught.value.state == "300 of 500 rows are in the new index; searches use the old one"
    assert unfinished(broken) == ["docs_fts"]
    memsql("fts.status").expect(0, "an online rebuild of docs_fts was begun and not ended")
    assert online(broken) == 200
    assert clean(broken)
    with pytest.raises(Interrupted):
        online(broken, stopped=iter([False, True]).__next__)
    assert abort(broken, "docs_fts")
    assert clean(broken)


def test_an_abort_in_the_middle_ends_it(broken: Connection, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn, pytest.raises(Refused, match="gave up"):
        online(conn, after={2: lambda: abort(broken, "docs_fts")})
    assert broken.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'").rows == []


def test_a_view_that_was_broken_before_is_no_obstacle(broken: Connection) -> None:
    broken.script("""CREATE VIEW stray AS SELECT * FROM nowhere;
        CREATE TRIGGER astray AFTER DELETE ON log BEGIN INSERT INTO nowhere VALUES (1); END;""")
    objects = broken.execute(OBJECTS).rows
    online(broken)
    assert clean(broken)
    assert broken.execute(OBJECTS).rows == objects


def test_two_at_once_do_not_harm_each_other(broken: Connection, empty_server: Running) -> None:
    with (
        closing(connect(servers.target(empty_server.url), "rw")) as conn,
        closing(connect(servers.target(empty_server.url), "rw")) as other,
        pytest.raises(Refused),
    ):
        online(conn, chunk=50, after={2: lambda: online(other, chunk=30)})
    assert clean(broken)


@pytest.mark.parametrize("lost", ["chunk", "swap"])
def test_a_lost_answer_to_commit_is_looked_up(broken: Connection, empty_server: Running, lost: str) -> None:
    cuts: list[str] = []

    def rule(request: Request) -> Action:
        wanted = "ALTER TABLE" in request.body if lost == "swap" else "OFFSET 99" in request.body
        if wanted and not cuts:
            cuts.append(request.path)
            return Cut("after")
        return None

    with proxy_to(empty_server.url) as proxy:
        proxy.rule = rule
        with closing(connect(servers.target(proxy.url), "rw")) as conn:
            online(conn)
    assert cuts
    assert clean(broken)
