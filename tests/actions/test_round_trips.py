"""How often a command waits for an answer of a server: requests and connections, counted by a proxy in between.

The numbers are what they cost a person far away, so each is exact: one more is a mistake, and one less a line to change
here and in docs/libsql.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cli
import eras
import pytest
import servers
from cli import Project
from places import ROOT
from proxy import Proxy, proxy_to

from memsql.db import connect
from memsql.server import Running

RoundTrips = Callable[..., int]
LAST = 13


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    for n in range(1, LAST + 1):
        made.add(
            f"{n:04d}_step",
            f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO t{n} (name) VALUES ('a'), ('b');\n",
            f"DELETE FROM t{n};\nDROP TABLE t{n};\n",
        )
    made.run("migrate.sum").expect(0)
    return made


@pytest.fixture
def server(sqld: Path, tmp_path: Path) -> Iterator[Running]:
    with servers.fresh(tmp_path / "sqld") as running:
        yield running


@pytest.fixture
def proxy(server: Running) -> Iterator[Proxy]:
    with proxy_to(server.url) as between:
        yield between


@pytest.fixture
def round_trips(project: Project, proxy: Proxy) -> RoundTrips:
    def count(*words: str, code: int = 0) -> int:
        proxy.seen.clear()
        proxy.connections = 0
        project.run(*words, "--database", proxy.url).expect(code)
        return proxy.round_trips

    return count


def test_a_run_connects_reads_proves_commits_and_leaves(round_trips: RoundTrips) -> None:
    assert round_trips("migrate.up", "--to", "1") == 5
    assert round_trips("migrate.up", "--to", "2") == 5
    assert round_trips("migrate.up", "--to", str(LAST - 1)) == 5
    assert round_trips("migrate.up", "--to", str(LAST - 1)) == 2
    assert round_trips("migrate.status") == 2
    assert round_trips("migrate.down", "--allow-data-loss") == 5
    assert round_trips("migrate.up") == 5


def test_scripts_and_seeds_travel_with_the_migrations(proxy: Proxy, tmp_path: Path) -> None:
    project = Project(tmp_path / "scripts", "seeds = demo\n")
    project.add("0001_t", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);\n", "DROP TABLE t;\n")
    view = project.root / "sql" / "repeatable" / "v.sql"
    seed = project.root / "sql" / "seeds" / "demo" / "01_t.sql"
    for path in (view, seed):
        path.parent.mkdir(parents=True)
    view.write_text("-- v\nCREATE VIEW v AS SELECT id, a, b FROM t;\n")
    seed.write_text("-- t\nINSERT INTO t (id, a) VALUES (1, 'x') ON CONFLICT DO NOTHING;\n")

    def count(*words: str) -> int:
        proxy.seen.clear()
        proxy.connections = 0
        project.run(*words, "--database", proxy.url).expect(0)
        return proxy.round_trips

    assert count("migrate.up") == 5
    assert count("migrate.up") == 2
    assert count("migrate.status") == 2
    project.add("0002_b", "-- b\n-- depends: 0001_t\nALTER TABLE t DROP COLUMN b;\n")
    view.write_text("-- v\nCREATE VIEW v AS SELECT id, a FROM t;\n")
    assert count("migrate.up", "--allow-data-loss") == 5


def test_a_file_that_changed_costs_the_hashes_of_what_was_applied(
    round_trips: RoundTrips, project: Project, tmp_path: Path
) -> None:
    round_trips("migrate.up", "--to", "3")
    up = project.up_file("0002_step")
    text = up.read_text()
    up.write_text(f"-- another remark\n{text}")
    try:
        assert round_trips("migrate.status") == 3
    finally:
        up.write_text(text)


def test_a_large_schema_is_read_where_it_is_needed(round_trips: RoundTrips, server: Running) -> None:
    round_trips("migrate.up", "--to", "1")
    with closing(connect(servers.target(server.url), "rw")) as conn:
        conn.batch([(f"CREATE TABLE large_{n} (c{n} TEXT /* {'x' * 5000} */)", ()) for n in range(15)])
    assert round_trips("migrate.up", "--to", "1") == 2
    assert round_trips("migrate.up", "--to", "2") == 6


# The two have full-text indexes, and three legacy upgrades to go.
@pytest.mark.parametrize("era", ["1.0", "1.2"])
def test_the_adoption_of_a_legacy_database(server: Running, proxy: Proxy, tmp_path: Path, era: str) -> None:
    servers.load(eras.build(tmp_path / "legacy.db", era, "small"), server.url)

    def requests(*words: str) -> int:
        proxy.seen.clear()
        cli.run(*words, "--project", str(ROOT), "--database", proxy.url, cwd=ROOT).expect(0)
        return proxy.requests

    assert requests("legacy.status") == 3
    assert requests("legacy.adopt") == 11
    assert requests("migrate.up") == 4
    assert requests("migrate.up") == 1


def test_an_up_adopts_and_goes_on(server: Running, proxy: Proxy, tmp_path: Path) -> None:
    servers.load(eras.build(tmp_path / "legacy.db", "1.1", "small"), server.url)
    cli.run("migrate.up", "--project", str(ROOT), "--database", proxy.url, cwd=ROOT).expect(0, "adopted")
    assert proxy.requests == 9


def test_the_same_over_websocket(project: Project, proxy: Proxy) -> None:
    # What is sent at once ends with the question whether a transaction is open.
    def turns(*words: str) -> int:
        proxy.seen.clear()
        project.run(*words, "--database", proxy.url.replace("http", "ws")).expect(0)
        return sum('"get_autocommit"' in request.body for request in proxy.seen)

    assert turns("migrate.up", "--to", "1") == 3
    assert turns("migrate.up", "--to", "1") == 1
    assert turns("migrate.status") == 1
    assert turns("migrate.down", "--allow-data-loss") == 3
