"""Everything that only reads, and rehearsals, through the real command line against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cli
import eras
import pytest
import servers
from cli import Done, Project
from places import ROOT
from reference_project import succeed

from memsql.advise.queries import plans_of
from memsql.db import connect
from memsql.operate.stats import stats
from memsql.project.queries import read_queries
from memsql.schema import read
from memsql.server import Running

Memsql = Callable[..., Done]
SCHEMA = "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);\n"
ROWS = "INSERT INTO docs VALUES (1, 'one'), (2, 'two');\n"


@pytest.fixture(scope="module")
def loaded(sqld: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The reference database with rows, as a file and as a server. Nobody changes it."""
    folder = tmp_path_factory.mktemp("loaded")
    path = eras.build(folder / "a.db", "1.3", "small", clean_fts=True)
    succeed(path, "migrate.up")
    with servers.fresh(folder / "sqld") as server:
        servers.load(path, server.url)
        yield path, server.url


def memsql(url: str | Path, *words: str, project: Path = ROOT) -> Done:
    return cli.run(*words, "--project", str(project), "--database", str(url), cwd=project)


@pytest.mark.parametrize(
    "words",
    [
        ("migrate.status",),
        ("verify",),
        ("verify", "--deep"),
        ("fts.status",),
        ("fts.check",),
        ("schema.info",),
        ("schema.dump", "--check"),
        ("schema.diagram",),
        ("legacy.status",),
    ],
    ids=" ".join,
)
def test_a_server_answers_as_the_file_does(loaded: tuple[Path, str], words: tuple[str, ...]) -> None:
    path, url = loaded
    here, there = (memsql(target, *words, "--json").expect(0).json() for target in (path, url))
    for report in (here, there):
        report.pop("database", None)
        for check in report.get("checks", []):
            check.pop("duration_ms", None)
        for index in report.get("tables", []):
            # The triggers of a table come in the order of their making, which loading does not keep.
            if words[0] == "schema.info":
                index["triggers"] = sorted(map(repr, index["triggers"]))
                index["indexes"] = sorted(map(repr, index["indexes"]))
    assert here == there


def test_stats_of_a_server_are_those_of_the_file(loaded: tuple[Path, str]) -> None:
    here, there = (memsql(target, "schema.stats", "--json").expect(0).json() for target in loaded)
    same = ("tables", "indexes", "triggers", "views", "rows", "page_size", "encoding")
    assert {k: here[k] for k in same} == {k: there[k] for k in same}
    assert [(o["name"], o["rows"]) for o in here["objects"]] == [(o["name"], o["rows"]) for o in there["objects"]]
    assert all(o["pages"] for o in there["objects"])
    memsql(loaded[1], "schema.stats").expect(0, "memories")


def test_looking_takes_few_requests(loaded: tuple[Path, str]) -> None:
    with closing(connect(servers.target(loaded[1]))) as conn:
        read(conn)
        assert conn.requests == 1
        stats(conn)
        assert conn.requests == 3
        assert len(plans_of(conn, read_queries(ROOT / "sql" / "queries"))) > 5
        # What is filled in for the parameters comes first.
        assert conn.requests == 5


def test_what_fails_among_many_reads_fails_alone(one_applied: str, project: Project) -> None:
    project.check("good", "SELECT 'x' FROM docs WHERE id < 0")
    project.check("ill", "SELECT 'x' FROM nowhere")
    project.check("lone", "SELECT 'bad ' || id FROM docs WHERE id = 2")
    project.check("grammar", "SELECT 'x' FROM docs WHERE NOTHING = 1")
    project.check("more", "SELECT 'x' FROM docs WHERE lacking = 1", severity="warning")
    checks = memsql(one_applied, "verify", "--json", project=project.root).expect(1).json()["checks"]
    messages = {
        c["name"]: [m.partition(" (at offset")[0] for m in c["messages"]]
        for c in checks
        if c["name"] in ("good", "ill", "lone", "more", "grammar")
    }
    assert messages.pop("grammar")[0].startswith("the check cannot run: ")
    assert messages == {
        "good": [],
        "ill": ["the check cannot run: no such table: nowhere"],
        "lone": ["bad 2"],
        "more": ["the check cannot run: no such column: lacking"],
    }


def test_a_broken_view_stands_in_nobodys_way(empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(
            "".join(f"CREATE TABLE t{n} (a REFERENCES t0); " for n in range(30)) + "CREATE VIEW v AS SELECT * FROM gone"
        )
        before = conn.requests
        schema = read(conn)
        assert len(schema.tables) == 31
        assert schema.tables["t29"].foreign_keys[0].parent == "t0"
        assert schema.tables["v"].columns == ()
        # One that fails, the objects, and the rest without the view.
        assert conn.requests - before <= 5
        assert stats(conn).tables == 30


def test_damage_is_found(empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script("""PRAGMA foreign_keys = off;
            CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (p REFERENCES parent);
            INSERT INTO child VALUES (7);
            CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);
            CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');
            INSERT INTO docs VALUES (1, 'never indexed');""")
    checks = {c["name"]: c for c in memsql(empty_server.url, "verify", "--json").expect(1).json()["checks"]}
    assert checks["foreign_keys"]["messages"] == ["1 row of child refers to parent rows that do not exist"]
    assert not checks["fts docs_fts"]["ok"]
    assert not checks["fts_triggers"]["ok"]
    assert checks["quick_check"]["ok"]


# ---- rehearsals


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two migrations, of which the first is applied to the project's file."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0001_docs", SCHEMA + ROWS, "DROP TABLE docs;")
    project.add(
        "0002_more",
        "ALTER TABLE docs ADD COLUMN more TEXT;\nUPDATE docs SET more = 'x' || id;\n",
        "ALTER TABLE docs DROP COLUMN more;\n",
    )
    project.run("migrate.sum").expect(0)
    project.up("--to", "1")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path / "project")


@pytest.fixture
def one_applied(template: Project, empty_server: Running) -> str:
    servers.load(template.db, empty_server.url)
    return empty_server.url


def everything(url: str, tmp_path: Path) -> object:
    from cli import content

    with closing(connect(servers.target(url))) as conn:
        version = conn.execute("PRAGMA schema_version").one()
    return version, content(servers.save(url, tmp_path / "saved.db"))


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        (
            (),
            "schema",
            "on a clone of the schema, without rows: nothing that depends on data was tried; use --with-data",
        ),
        (("--with-data",), "clone", "rehearsal on a clone: everything below was executed there"),
        (("--on-server",), "server", "in one transaction there, which was rolled back"),
    ],
)
def test_three_ways_to_rehearse(
    one_applied: str, project: Project, tmp_path: Path, *, options: tuple[str, ...], place: str, said: str
) -> None:
    before = everything(one_applied, tmp_path)
    report = memsql(one_applied, "migrate.up", "--dry-run", "--json", *options, project=project.root).expect(0).json()
    assert (report["place"], report["omitted"], report["error"]) == (place, [], None)
    assert [d["id"] for d in report["done"]] == ["0002_more"]
    assert any("more" in line for line in report["schema"])
    statements = report["done"][0].get("statements", [])
    assert [s["rows"] for s in statements[1:]] == {"schema": [0], "clone": [2], "server": []}[place]
    memsql(one_applied, "migrate.up", "--dry-run", *options, project=project.root).expect(
        0, said, "would apply 0002_more"
    )
    down = memsql(
        one_applied, "migrate.down", "--dry-run", "--json", "--allow-data-loss", *options, project=project.root
    )
    # Of a copy without rows no number means anything.
    assert down.expect(0).json()["rows"] == ({} if place == "schema" else {"docs": {"before": 2, "after": None}})
    assert everything(one_applied, tmp_path) == before


@pytest.mark.parametrize("options", [("--with-data",), ("--on-server",)])
def test_a_loss_is_seen_where_there_are_rows(
    one_applied: str, project: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before = everything(one_applied, tmp_path)
    report = memsql(one_applied, "migrate.down", "--dry-run", "--json", *options, project=project.root).expect(6).json()
    assert "docs" in str(report["error"])
    assert "rehearsal" in report["error"]["state"]
    memsql(one_applied, "migrate.down", "--dry-run", project=project.root).expect(0, "as far as the schema tells")
    assert everything(one_applied, tmp_path) == before


def test_what_would_fail_is_told_and_not_recorded(one_applied: str, project: Project, tmp_path: Path) -> None:
    project.add(
        "0003_bad", "CREATE TABLE fine (x);\nINSERT INTO docs (id, body) VALUES (1, 'again');\n", "DROP TABLE fine;"
    )
    project.run("migrate.sum").expect(0)
    before = everything(one_applied, tmp_path)
    memsql(one_applied, "migrate.up", "--dry-run", project=project.root).expect(0)
    for option in ("--with-data", "--on-server"):
        done = memsql(one_applied, "migrate.up", "--dry-run", option, project=project.root)
        done.expect(5, "this would fail", "UNIQUE constraint failed", "0003_bad.sql")
        assert everything(one_applied, tmp_path) == before


def test_a_rehearsal_on_a_clone_holds_no_lock(one_applied: str, project: Project) -> None:
    with closing(connect(servers.target(one_applied), "rw")) as writer:
        writer.begin()
        writer.execute("INSERT INTO docs VALUES (3, 'in the middle of it')")
        for options in ((), ("--with-data",)):
            memsql(one_applied, "migrate.up", "--dry-run", *options, project=project.root).expect(0)
        writer.commit()
        assert writer.execute("SELECT count(*) FROM docs").one() == 3


def test_what_only_libsql_can_do_is_rehearsed_there(one_applied: str, project: Project) -> None:
    project.add(
        "0003_vector",
        "CREATE TABLE v (e F32_BLOB(2));\nCREATE INDEX v_idx ON v (libsql_vector_idx(e));\n"
        "INSERT INTO v VALUES (vector32('[1, 2]'));\n",
        "DROP TABLE v;",
    )
    project.run("migrate.sum").expect(0)
    memsql(one_applied, "migrate.up", "--dry-run", project=project.root).expect(5, "rehearse with --on-server")
    memsql(one_applied, "migrate.up", "--dry-run", "--on-server", project=project.root).expect(
        0, "would apply 0003_vector"
    )
    memsql(one_applied, "migrate.up", project=project.root).expect(0)
    memsql(one_applied, "migrate.down", "--dry-run", project=project.root).expect(0, "left out: the vector index v_idx")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("migrate.up", "--dry-run", "--with-data", "--on-server"), "do not go together"),
        (("migrate.up", "--with-data"), "--dry-run is missing"),
        (("migrate.down", "--on-server"), "--dry-run is missing"),
        (("legacy.adopt", "--with-data"), "--dry-run is missing"),
    ],
)
def test_options_that_do_not_fit(template: Project, words: tuple[str, ...], said: str) -> None:
    # Nobody listens there, and nobody is asked.
    memsql("http://127.0.0.1:9", *words, project=template.root).expect(2, said, "nothing was changed")


def test_a_file_is_rehearsed_with_its_rows(project: Project) -> None:
    report = project.run("migrate.up", "--dry-run", "--with-data", "--json").expect(0).json()
    assert (report["place"], [s["rows"] for s in report["done"][0]["statements"]][1:]) == ("clone", [2])
    project.run("migrate.up", "--dry-run", "--on-server").expect(2, "is a file")


def test_on_the_server_foreign_keys_are_not_switched_midway(one_applied: str, project: Project) -> None:
    project.add("0003_rebuild", "-- foreign_keys: off\nCREATE TABLE other (x);\n", "DROP TABLE other;")
    project.run("migrate.sum").expect(0)
    memsql(one_applied, "migrate.up", "--dry-run", "--on-server", project=project.root).expect(
        2, "rehearse in steps with --to 2"
    )
    memsql(one_applied, "migrate.up", "--dry-run", "--on-server", "--to", "2", project=project.root).expect(0)


def test_a_legacy_server_is_recognised_and_its_adoption_rehearsed(empty_server: Running, tmp_path: Path) -> None:
    path = eras.build(tmp_path / "legacy.db", "1.2", "small")
    url = empty_server.url
    servers.load(path, url)
    before = everything(url, tmp_path)
    status = memsql(url, "legacy.status", "--json").expect(0).json()
    assert status == {
        **memsql(path, "legacy.status", "--json").json(),
        **({"database": url} if "database" in status else {}),
    }
    for options, place in ((("--with-data",), "clone"), ((), "schema")):
        report = memsql(url, "legacy.adopt", "--dry-run", "--json", *options).expect(0).json()
        assert report["place"] == place
        assert report["steps"]
    assert memsql(url, "migrate.up", "--dry-run", "--json").expect(0).json()["adopted"]
    memsql(url, "migrate.up", "--dry-run", "--on-server").expect(2, "legacy.adopt")
    assert everything(url, tmp_path) == before


def test_tokens_never_appear(empty_server: Running) -> None:
    url = f"{empty_server.url}?authToken=sesame"
    for words in (("migrate.up", "--dry-run", "--on-server"), ("fts.check", "--json")):
        done = memsql(url, *words)
        assert "sesame" not in done.out + done.err
