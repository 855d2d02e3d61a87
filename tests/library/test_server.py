"""The library on a libSQL server."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project

import memsql
from memsql import aio
from memsql.db import connect
from memsql.server import Keys, Running

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_all_that_works_on_a_file(empty_server: Running, project: Project, tmp_path: Path) -> None:
    url, root = empty_server.url, project.root
    assert memsql.migrate(url, project=root, to=1).pending == 1
    plan = memsql.plan(url, project=root, rehearse=True)
    assert ([m.version for m in plan.pending], plan.rehearsal and plan.rehearsal.schema) == ([2], ("+ table notes",))
    report = memsql.migrate(url, project=root, backup=tmp_path / "kept")
    assert ([m.version for m in report.applied], report.database) == ([2], url)
    assert report.backup is not None
    with closing(sqlite3.connect(report.backup)) as copy:
        assert copy.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert memsql.status(url, project=root).is_current
    assert memsql.verify(url, project=root).ok
    assert memsql.ensure_current(url, project=root) is not None
    assert memsql.ensure_current(url, project=root) is None
    assert memsql.backup(url, project=root, folder=tmp_path / "kept").version == 2
    assert asyncio.run(aio.migrate(url, project=root)).outcome == "current"


def test_a_writer_that_holds_the_lock(empty_server: Running, project: Project) -> None:
    async def main() -> memsql.MigrateReport:
        with closing(connect(servers.target(empty_server.url), "rw")) as other:
            other.begin()
            busy = await aio.migrate(empty_server.url, project=project.root, wait=False)
            assert (busy.outcome, busy.pending) == ("busy", None)
            task = asyncio.create_task(aio.migrate(empty_server.url, project=project.root))
            await asyncio.sleep(0.3)
            assert not task.done()
            other.rollback()
            return await task

    assert len(asyncio.run(main()).applied) == 2


def test_a_server_that_is_not_there_is_said_without_its_token(project: Project) -> None:
    with pytest.raises(memsql.ConnectError) as caught:
        memsql.migrate("http://127.0.0.1:9", project=project.root, token="a-secret-token")
    error = caught.value
    assert "a-secret-token" not in f"{error!r}{error.hint}{error.details}{error.__cause__!r}"


def test_a_token_that_is_wrong(guarded: servers.Guarded, project: Project) -> None:
    url = guarded.server.url
    with pytest.raises(memsql.ConnectError):
        memsql.status(url, project=project.root, token=Keys.new().token(a="rw"))
    assert memsql.status(url, project=project.root, token=guarded.keys.token(a="rw")).migrations
