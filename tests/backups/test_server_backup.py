"""Backups of libSQL servers and restores to them: every row, every object, or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import cycle
from pathlib import Path

import eras
import extent
import pytest
import reference_project
import server_backups
import servers
from cli import Project
from odd_databases import FTS, HARD, ODD, ORPHAN, make, state, url_of

from memsql.backups.digest import digests
from memsql.config import Target
from memsql.db import connect
from memsql.fts import check, discover
from memsql.server import Running


@pytest.mark.parametrize("kind", servers.KINDS)
def test_everything_goes_to_a_server_and_comes_back(tmp_path: Path, empty_server: Running, kind: str) -> None:
    path = make(tmp_path / "a.db", ODD + ORPHAN + FTS)
    url = url_of(empty_server, kind)
    server_backups.restore(path, url)
    copied = server_backups.copy(url, tmp_path / "b.db")
    assert (
        copied.tables == server_backups.manifest_of(path).tables == server_backups.manifest_of(tmp_path / "b.db").tables
    )
    assert (copied.omitted, copied.source.engine, copied.source.journal_mode) == ((), "libsql", "wal")
    with closing(connect(Target(path=path))) as one, closing(connect(Target(path=tmp_path / "b.db"), "rw")) as two:
        two_objects, two_rows = state(two)
        assert (sorted(two_objects), two_rows) == (sorted(state(one)[0]), state(one)[1])
        assert two.execute("PRAGMA user_version").one() == 42
        assert two.execute("PRAGMA integrity_check").rows == [("ok",)]
        assert all(check(two, table).ok for table in discover(two))
    with closing(connect(servers.target(url), "rw")) as conn:
        assert all(check(conn, table).ok for table in discover(conn))
        assert conn.execute("SELECT rowid FROM docs_fts('kept')").rows == [(2,)]
        assert conn.execute("SELECT id FROM boxes WHERE x1 > 2.5").rows == [(2,)]


@pytest.mark.parametrize("kind", servers.KINDS)
def test_values_that_hrana_cannot_carry_go_there_and_back(tmp_path: Path, empty_server: Running, kind: str) -> None:
    path, url = make(tmp_path / "a.db", HARD), url_of(empty_server, kind)
    server_backups.restore(path, url)
    copied = server_backups.copy(url, tmp_path / "b.db")
    assert (
        copied.tables == server_backups.manifest_of(path).tables == server_backups.manifest_of(tmp_path / "b.db").tables
    )
    with closing(sqlite3.connect(tmp_path / "b.db")) as conn:
        assert conn.execute("SELECT typeof(v), hex(v) FROM odd_values WHERE id IN (1, 12)").fetchall() == [
            ("text", "FF00FE"),
            ("blob", "FF00FE"),
        ]


@pytest.mark.server
# Values go both ways over each transport above; here it is the schemas that differ.
@pytest.mark.parametrize(("era", "kind"), extent.some(list(zip(eras.ERAS, cycle(servers.KINDS), strict=False)), 3))
def test_every_era_survives_the_round_trip(tmp_path: Path, era: str, kind: str) -> None:
    path = eras.build(tmp_path / "era.db", era, orphans=True)
    with servers.fresh(tmp_path / "one") as first, servers.fresh(tmp_path / "two") as second:
        server_backups.restore(path, url_of(first, kind))
        copied = server_backups.copy(url_of(first, kind), tmp_path / "copy.db")
        assert (
            copied.tables
            == server_backups.manifest_of(path).tables
            == server_backups.manifest_of(tmp_path / "copy.db").tables
        )
        server_backups.restore(tmp_path / "copy.db", url_of(second, kind))
        with closing(connect(servers.target(second.url))) as conn:
            assert tuple(digests(conn)) == copied.tables
        assert eras.content_hash(servers.save(second.url, tmp_path / "saved.db")) == eras.content_hash(path)


def test_a_restored_server_passes_verify(tmp_path: Path, empty_server: Running) -> None:
    project = Project.at(tmp_path / "project")
    reference_project.copy_to(project.root)
    project.configure("[memsql]\n")
    eras.build(project.db, "1.2", learned_patterns_rows=True)
    project.run("migrate.up").expect(0)
    server_backups.restore(project.db, empty_server.url)
    project.run("verify", "--database", empty_server.url).expect(0)
    copied = server_backups.copy(empty_server.url, tmp_path / "copy.db")
    assert copied.tables == server_backups.manifest_of(project.db).tables
    project.run("verify", "--database", str(tmp_path / "copy.db")).expect(0)


@pytest.mark.parametrize("kind", servers.KINDS)
def test_an_empty_server(tmp_path: Path, empty_server: Running, kind: str) -> None:
    copied = server_backups.copy(url_of(empty_server, kind), tmp_path / "b.db")
    assert (copied.tables, copied.omitted) == ((), ())
    server_backups.restore(tmp_path / "b.db", url_of(empty_server, kind))
