"""Full-text indexes on a server: checked on a clone, and rebuilt at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
import servers
from cli import Done
from indexed_server import OBJECTS, ok
from proxy import Action, Cut, Proxy, Request, proxy_to

from memsql.db import Connection, connect
from memsql.errors import CommitUnknown, LockedError, StatementError
from memsql.fts import discover, rebuild
from memsql.server import Running


def test_a_broken_index_is_found_and_mended_at_once(broken: Connection, memsql: Callable[..., Done]) -> None:
    checked = memsql("fts.check", "--json").expect(1).json()
    assert checked["tables"] == [
        {
            "name": "docs_fts",
            "ok": False,
            "message": "docs_fts does not agree with its content; searches may fail or miss rows",
            "note": "",
            "unproven": "",
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


def test_a_lost_answer_at_once_is_said(broken: Connection, empty_server: Running) -> None:
    def rule(request: Request) -> Action:
        return Cut("after") if "'rebuild'" in request.body else None

    proxy: Proxy
    with proxy_to(empty_server.url) as proxy:
        proxy.rule = rule
        with closing(connect(servers.target(proxy.url), "rw")) as conn, pytest.raises(CommitUnknown) as caught:
            rebuild(conn, discover(conn)[0])
    assert caught.value.hint is not None
    assert "memsql fts.check" in caught.value.hint


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
