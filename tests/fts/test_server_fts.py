"""Full-text indexes on a server: checked on a clone, rebuilt at once and online, beside writers and lost answers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
import servers
from cli import Done, Project
from proxy import Action, Cut, Proxy, Request, proxy_to
from watching import Watching

from memsql.db import Connection, connect
from memsql.db.clone import clone
from memsql.errors import CommitUnknown, ConnectError, Interrupted, LockedError, Refused, StatementError
from memsql.fts import abort, check_in_transaction, discover, rebuild, rebuild_online, rows_for, unfinished
from memsql.server import Running

SCHEMA = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
CREATE TABLE log (what TEXT);
CREATE VIRTUAL TABLE docs_fts USING fts5(title, body, content='docs', content_rowid='id', prefix='2');
CREATE TRIGGER first AFTER INSERT ON docs BEGIN INSERT INTO log VALUES ('first'); END;
CREATE TRIGGER docs_fts_insert AFTER INSERT ON docs BEGIN
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); -- kept as it is
END;
CREATE TRIGGER last AFTER INSERT ON docs BEGIN INSERT INTO log VALUES ('last'); END;
CREATE TRIGGER docs_fts_delete AFTER DELETE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;
CREATE TRIGGER docs_fts_update AFTER UPDATE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); END;
CREATE VIEW found AS SELECT rowid AS id, rank FROM docs_fts;
CREATE VIEW "found twice" AS SELECT a.id FROM found AS a JOIN found AS b USING (id);
CREATE TRIGGER through INSTEAD OF INSERT ON "found twice" BEGIN INSERT INTO docs (id) VALUES (new.id); END;
CREATE VIEW unrelated AS SELECT count(*) AS n FROM docs;
WITH RECURSIVE n (i) AS (VALUES (-50) UNION ALL SELECT i + 1 FROM n WHERE i < 449)
INSERT INTO docs SELECT i * 3, 'title ' || i, 'body word' || (i % 7) FROM n;
INSERT INTO docs_fts (docs_fts, rank) VALUES ('rank', 'bm25(10.0, 5.0)');
"""
# Behind the triggers' back: what is stale, and what was never put in.
BREAK = """
DROP TRIGGER docs_fts_update;
UPDATE docs SET body = 'changed' WHERE id = 30;
CREATE TRIGGER docs_fts_update AFTER UPDATE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); END;
"""
# A rename quotes the new name, and its shadows' otherwise.
OBJECTS = """SELECT type, name, tbl_name, replace(sql, '"docs_fts" USING', 'docs_fts USING') FROM sqlite_schema
WHERE sql NOT LIKE 'CREATE TABLE _docs\\_fts%' ESCAPE '\\' ORDER BY type, name"""
FIRE = 'DELETE FROM log; INSERT INTO "found twice" (id) VALUES (99999); DELETE FROM docs WHERE id = 99999;'


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(SCHEMA)
        yield conn


@pytest.fixture
def broken(writer: Connection) -> Connection:
    writer.script(BREAK)
    return writer


@pytest.fixture
def memsql(tmp_path: Path, empty_server: Running) -> Callable[..., Done]:
    project = Project(tmp_path / "project")
    return lambda *words: project.run(*words, "--database", empty_server.url)


def ok(conn: Connection, name: str = "docs_fts") -> bool:
    with clone(conn.target, 5000, choice=rows_for([name])) as copy:
        copy.connection.begin()
        return not check_in_transaction(copy.connection, [name])


def online(
    conn: Connection,
    *,
    chunk: int = 100,
    after: Mapping[int, Callable[[], object]] | None = None,
    prove: Callable[[str], bool] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Rebuild docs_fts online, with something done after the n-th report of progress."""
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        (after or {}).get(calls, int)()
        calls += 1

    return rebuild_online(
        conn,
        discover(conn)[0],
        chunk=chunk,
        progress=Watching(ticked=progress),
        stopped=stopped,
        prove=prove or (lambda name: ok(conn, name)),
    )


def clean(conn: Connection) -> bool:
    left = conn.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'").rows
    return ok(conn) and left == [] and unfinished(conn) == []


def test_a_broken_index_is_found_and_mended_at_once(broken: Connection, memsql: Callable[..., Done]) -> None:
    checked = memsql("fts.check", "--json").expect(1).json()
    assert checked["tables"] == [
        {
            "name": "docs_fts",
            "ok": False,
            "message": "docs_fts does not agree with its content; searches may fail or miss rows",
        }
    ]
    assert memsql("fts.rebuild", "--json").expect(0).json()["lines"] == ["docs_fts: rebuilt (proven)"]
    memsql("fts.check").expect(0, "ok       docs_fts")
    assert memsql("fts.optimize", "--json").expect(0).json()["tables"] == ["docs_fts"]
    assert ok(broken)


def test_status_reads_all_tables_in_few_requests(writer: Connection, memsql: Callable[..., Done]) -> None:
    for n in range(20):
        writer.script(f"CREATE VIRTUAL TABLE f{n} USING fts5(title, content='docs', content_rowid='id')")
    tables = memsql("fts.status", "--json").expect(0).json()["tables"]
    assert len(tables) == 21
    assert tables[0]["findings"] == [] != tables[1]["findings"]
    from memsql.fts import all_problems

    before = writer.requests
    assert len(all_problems(writer, discover(writer))) == 21
    assert writer.requests - before == 2


def test_a_check_does_not_make_writers_wait(broken: Connection, memsql: Callable[..., Done]) -> None:
    broken.begin()
    broken.execute("INSERT INTO log VALUES ('in the middle of it')")
    memsql("fts.check").expect(1)
    broken.commit()


def test_at_once_is_one_request_and_all_or_nothing(broken: Connection) -> None:
    table, before = discover(broken)[0], broken.requests
    rebuild(broken, table)
    assert broken.requests - before == 1
    assert ok(broken)
    broken.script("ALTER TABLE docs RENAME COLUMN body TO text")
    objects = broken.execute(OBJECTS).rows
    with pytest.raises(StatementError) as caught:
        rebuild(broken, table)
    assert caught.value.state == "rolled back; nothing was changed"
    assert not broken.in_transaction
    assert broken.execute(OBJECTS).rows == objects


def test_at_once_tells_of_the_five_seconds(broken: Connection, empty_server: Running) -> None:
    broken.begin()
    broken.execute("INSERT INTO log VALUES ('x')")
    with closing(connect(servers.target(empty_server.url), "rw")) as other:
        taker = threading.Thread(target=lambda: rebuild(other, discover(other)[0]))
        taker.start()
        taker.join(20)
    # The rebuild waited, and got the lock in the end; who had it for too long is told so.
    with pytest.raises(LockedError, match="took the write lock away"):
        broken.commit()
    assert ok(broken)


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


def test_a_lost_answer_at_once_is_said(broken: Connection, empty_server: Running) -> None:
    def rule(request: Request) -> Action:
        return Cut("after") if "'rebuild'" in request.body else None

    proxy: Proxy
    with proxy_to(empty_server.url) as proxy:
        proxy.rule = rule
        with closing(connect(servers.target(proxy.url), "rw")) as conn, pytest.raises(CommitUnknown) as caught:
            rebuild(conn, discover(conn)[0])
    assert caught.value.hint is not None
    assert "invoke fts.check" in caught.value.hint


def test_an_index_of_a_newer_sqlite_is_no_index_that_is_fine(writer: Connection, memsql: Callable[..., Done]) -> None:
    # Known to SQLite since 3.45, which the server is.
    writer.script("CREATE VIRTUAL TABLE newer USING fts5(a, tokenize='trigram remove_diacritics 1')")
    memsql("migrate.sum").expect(0)
    if sqlite3.sqlite_version_info >= (3, 45):
        memsql("fts.check").expect(0, "newer")
        return
    memsql("fts.check").expect(3, "the virtual table newer cannot be made by the SQLite of this machine")
    checks = {c["name"]: c for c in memsql("verify", "--json").expect(1).json()["checks"]}
    assert "newer cannot be made" in checks["fts"]["messages"][0]
    memsql("fts.check", "--table", "docs_fts").expect(0, "ok       docs_fts")
