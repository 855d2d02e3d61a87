"""Pairs that an import writes: what becomes of transactions, settings, permits, missing ways back, and names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cli import Project

from memsql import config
from memsql.author import import_files
from memsql.author.importing import Imported, import_set
from memsql.errors import FileError, MemsqlError, UsageError
from memsql.exchange.tools import tool_of
from memsql.progress import SILENT
from memsql.project.files import read_folder
from memsql.project.sums import sum_text


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def take(project: Project, word: str, files: dict[str, str], *, dry_run: bool = False) -> Imported:
    """Write ``files`` below the folder ``there``, and import them."""
    for path, text in files.items():
        place = project.root / "there" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    settings = config.load(project=str(project.root), environ={})
    return import_set(settings, tool_of(word), project.root / "there", dry_run=dry_run, progress=SILENT)


def refused(project: Project, word: str, files: dict[str, str]) -> MemsqlError:
    with pytest.raises(MemsqlError) as caught:
        take(project, word, files)
    assert not list(project.migrations.iterdir())
    return caught.value


def texts(project: Project, name: str) -> tuple[str, str]:
    down = project.down_file(name)
    return project.up_file(name).read_text(), down.read_text() if down.exists() else ""


def notes(imported: Imported) -> str:
    return "\n".join(note for pair in imported.pairs for note in pair.notes)


def goose(up: str, down: str = "") -> str:
    return f"-- +goose Up\n{up}\n-- +goose Down\n{down}\n"


def test_a_pair(project: Project) -> None:
    take(project, "goose", {"00001_first_team.sql": goose("CREATE TABLE team (id INTEGER);", "DROP TABLE team;")})
    sha256 = hashlib.sha256((project.root / "there" / "00001_first_team.sql").read_bytes()).hexdigest()
    assert texts(project, "00001_first_team") == (
        "-- First team\n"
        f"-- imported_from: goose 00001_first_team.sql sha256={sha256}\nCREATE TABLE team (id INTEGER);\n",
        "-- Undo 00001_first_team\nDROP TABLE team;\n",
    )
    project.run("migrate.up").expect(0)
    project.run("migrate.to", "0").expect(0)
    project.run("verify").expect(0)


def test_transactions_go_and_values_stay(project: Project) -> None:
    up = "BEGIN;\nCREATE TABLE a (x); INSERT INTO a VALUES ('BEGIN; COMMIT;'); -- why\nCOMMIT;\n"
    take(project, "golang-migrate", {"1_a.up.sql": up, "1_a.down.sql": "begin transaction; DROP TABLE a; end;\n"})
    up, down = texts(project, "1_a")
    assert up.splitlines()[2:] == ["CREATE TABLE a (x); INSERT INTO a VALUES ('BEGIN; COMMIT;'); -- why"]
    assert "DROP TABLE a;" in down
    assert "begin" not in down


@pytest.mark.parametrize(
    ("up", "said"),
    [
        ("BEGIN; CREATE TABLE a (x); ROLLBACK;", "ROLLBACK, which undoes"),
        ("ATTACH 'other.db' AS o;", "another database"),
        ("PRAGMA writable_schema = 1;", "line 1 runs PRAGMA writable_schema"),
        ("CREATE TABLE a (x) SOMETHING;", "does not run on an empty database"),
        ("CREATE TABLE schema_migrations (version TEXT);", "schema_migrations"),
        ("-- +goose Up\nCREATE TABLE a (x);", "import it as goose"),
    ],
)
def test_what_cannot_run_is_refused_and_nothing_is_written(project: Project, up: str, said: str) -> None:
    error = refused(project, "d1", {"1_first.sql": "CREATE TABLE b (x);", "2_a.sql": up})
    assert isinstance(error, FileError)
    assert said in "\n".join([error.message, *error.details])
    assert error.state == "nothing was written"


def test_settings_of_a_connection_are_left_out_and_named(project: Project) -> None:
    up = "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = NORMAL;\nCREATE TABLE a (x);\nVACUUM;\n"
    imported = take(project, "d1", {"1_a.sql": up})
    assert "PRAGMA" not in texts(project, "1_a")[0]
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "VACUUM"):
        assert f"left out `{statement}`" in notes(imported)


def test_what_needs_no_transaction_runs_without_one(project: Project) -> None:
    files = {"1_a.sql": goose("CREATE TABLE a (x);", "DROP TABLE a;"), "2_b.sql": "-- +goose NO TRANSACTION\n"}
    files["2_b.sql"] += goose("VACUUM;", "SELECT 1;")
    files["3_c.sql"] = "-- +goose NO TRANSACTION\n" + goose("CREATE INDEX i ON a (x);", "DROP INDEX i;")
    imported = take(project, "goose", files)
    assert "-- transactional: false\n" in texts(project, "2_b")[0]
    assert "transactional" not in texts(project, "3_c")[0]
    assert "without a transaction, memsql in one" in notes(imported)
    project.run("migrate.up").expect(0)


def test_foreign_keys_off_becomes_a_directive(project: Project) -> None:
    rebuild = "CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n SELECT id FROM a; DROP TABLE a;\n"
    rebuild += "ALTER TABLE n RENAME TO a;\n"
    files = {
        "1_a.sql": "CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (a REFERENCES a ON DELETE CASCADE);\n"
        "INSERT INTO a (id) VALUES (1); INSERT INTO b VALUES (1);",
        "2_said.sql": f"PRAGMA foreign_keys=OFF;\n{rebuild}PRAGMA foreign_keys=ON;\n",
        "3_not_said.sql": rebuild,
        "4_on.sql": "PRAGMA foreign_keys = ON;\nCREATE TABLE c (x);",
    }
    imported = take(project, "d1", files)
    for name in ("2_said", "3_not_said"):
        up = texts(project, name)[0]
        assert "-- foreign_keys: off\n" in up
        assert "PRAGMA" not in up
    assert "foreign" not in project.up_file("4_on").read_text()
    assert "rebuilds a table to which others refer" in notes(imported)
    project.run("migrate.up").expect(0)
    assert project.query("SELECT a FROM b") == [(1,)]


def test_what_the_tool_lost_is_permitted_by_name_and_no_more(project: Project) -> None:
    files = {
        "1_a.sql": goose("CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 2); CREATE TABLE e (x);", "DROP TABLE a;"),
        "2_b.sql": goose("ALTER TABLE a DROP COLUMN y; DROP TABLE e;", "ALTER TABLE a ADD COLUMN y;"),
        "3_c.sql": goose("CREATE VIEW v AS SELECT x FROM a;", "DROP VIEW v;"),
        "4_d.sql": goose("DROP TABLE a;", "CREATE TABLE a (x);"),
    }
    imported = take(project, "goose", files)
    assert [pair.permits for pair in imported.pairs] == [
        ((), ("data-loss a",)),
        (("data-loss a.y",), ()),
        ((), ()),
        (("data-loss a", "broken v"), ()),
    ]
    assert "-- allow: data-loss a.y applied so by goose\n" in texts(project, "2_b")[0]
    project.run("migrate.up").expect(0)
    project.run("migrate.to", "0").expect(0)


def test_an_index_that_a_rebuild_forgets_is_permitted_in_its_file(project: Project) -> None:
    rebuild = "CREATE TABLE n (x); INSERT INTO n SELECT x FROM a; DROP TABLE a; ALTER TABLE n RENAME TO a;"
    imported = take(project, "d1", {"1_a.sql": "CREATE TABLE a (x); CREATE INDEX i ON a (x);", "2_b.sql": rebuild})
    assert imported.pairs[1].permits == (("MS11",), ())


def test_an_index_that_the_tool_left_without_its_rows_is_rebuilt(project: Project) -> None:
    fts = "CREATE VIRTUAL TABLE f USING fts5(body, content='a', content_rowid='id');"
    first = "CREATE TABLE a (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO a VALUES (1, 'tall ships');"
    imported = take(project, "d1", {"1_a.sql": first, "2_f.sql": fts})
    assert "-- fts_rebuild: all\n" in texts(project, "2_f")[0]
    assert "a full-text index disagrees" in notes(imported)
    project.run("migrate.up").expect(0)
    assert project.query("SELECT rowid FROM f WHERE f MATCH 'ships'") == [(1,)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("BEGIN IMMEDIATE TRANSACTION; CREATE TABLE a (x); END TRANSACTION;", "CREATE TABLE a (x);"),
        ("SAVEPOINT s; CREATE TABLE a (x); RELEASE s", "CREATE TABLE a (x);"),
        ("PRAGMA main.foreign_keys(0); CREATE TABLE a (x); PRAGMA foreign_keys = 'on'", "CREATE TABLE a (x);"),
        ("\ufeffCREATE TABLE a (x);\r\n-- the end\r\n", "CREATE TABLE a (x);\n-- the end"),
        ("CREATE TABLE a (x) -- without an end", "CREATE TABLE a (x) -- without an end\n;"),
    ],
)
def test_what_is_left_of_a_text(project: Project, before: str, after: str) -> None:
    take(project, "d1", {"1_a.sql": before})
    lines = texts(project, "1_a")[0].splitlines()
    assert "\n".join(line for line in lines[2:] if not line.startswith("-- foreign_keys")).strip() == after


def test_rows_that_come_before_those_they_refer_to(project: Project) -> None:
    first = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id));"
    take(project, "d1", {"1_a.sql": first, "2_b.sql": "INSERT INTO c VALUES (1); INSERT INTO p VALUES (1);"})
    assert "-- foreign_keys: off\n" in texts(project, "2_b")[0]
    project.run("migrate.up").expect(0)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("CREATE TABLE c (x); CREATE INDEX c_x ON c (x);", "DROP TABLE c;"),
        ("ALTER TABLE a ADD COLUMN z TEXT;", "ALTER TABLE a DROP COLUMN z;"),
        ("ALTER TABLE a RENAME COLUMN y TO z;", "ALTER TABLE a RENAME COLUMN z TO y;"),
        ("ALTER TABLE a RENAME TO b;", "ALTER TABLE b RENAME TO a;"),
        ("CREATE TABLE c (x); INSERT INTO c VALUES (1);", "DROP TABLE c;"),
    ],
)
def test_a_missing_rollback_is_derived(project: Project, up: str, down: str) -> None:
    first = "CREATE TABLE a (id INTEGER PRIMARY KEY, y TEXT);"
    imported = take(project, "d1", {"0001_a.sql": first, "0002_b.sql": up})
    assert down in texts(project, "0002_b")[1]
    assert imported.pairs[1].derived is not None
    project.run("migrate.up").expect(0)


@pytest.mark.parametrize(
    ("up", "why"),
    [
        ("UPDATE a SET y = 'x';", "it changes rows of a"),
        ("DROP TABLE a;", "would not come back"),
        ("ALTER TABLE a DROP COLUMN y;", "would not come back"),
        ("SELECT 1;", "leaves the schema as it was"),
    ],
)
def test_what_cannot_be_proven_is_not_derived(project: Project, up: str, why: str) -> None:
    first = "CREATE TABLE a (id INTEGER PRIMARY KEY, y TEXT);"
    imported = take(project, "d1", {"0001_a.sql": first, "0002_b.sql": up})
    assert not project.down_file("0002_b").exists()
    assert why in notes(imported)


def test_a_rollback_that_does_not_lead_back_is_taken_and_named(project: Project) -> None:
    files = {
        "1_a.sql": goose("CREATE TABLE a (x);", "DROP TABLE z;"),
        "2_b.sql": goose("CREATE TABLE b (x);", "SELECT 1;"),
    }
    imported = take(project, "goose", files)
    assert "does not run: " in imported.pairs[0].notes[0]
    assert "leaves another schema: " in imported.pairs[1].notes[0]


def test_versions_that_are_no_numbers_are_numbered(project: Project) -> None:
    files = {"V1__a.sql": "CREATE TABLE a (x);", "V1_1__b.sql": "CREATE TABLE b (x);", "V2__c d.sql": "SELECT 1;"}
    imported = take(project, "flyway", files)
    assert [pair.id for pair in imported.pairs] == ["0001_a", "0002_b", "0003_c_d"]
    settings = config.load(project=str(project.root), environ={})
    origins = [m.header.origin for m in read_folder(settings.migrations, "migrations")]
    assert [(o.tool, o.path) for o in origins if o] == [
        ("flyway", "V1__a.sql"),
        ("flyway", "V1_1__b.sql"),
        ("flyway", "V2__c d.sql"),
    ]


def test_dependencies_of_yoyo_are_renamed(project: Project) -> None:
    files = {
        "b-second.sql": "-- depends: c-first\n-- transactional: true\nCREATE TABLE b (x);",
        "c-first.sql": "-- Why: c\nCREATE TABLE c (x);",
    }
    take(project, "yoyo", files)
    assert "-- depends: 0001_c-first\n" in texts(project, "0002_b-second")[0]
    assert "-- depends: c-first" not in texts(project, "0002_b-second")[0]


def test_comments_that_look_like_directives_become_notes(project: Project) -> None:
    up = "-- depends: on nothing\n-- allow: data-loss a everything\n-- Note: as it is\nCREATE TABLE a (x);"
    take(project, "d1", {"1_a.sql": up})
    assert texts(project, "1_a")[0].splitlines()[2:5] == [
        "-- note: depends: on nothing",
        "-- note: allow: data-loss a everything",
        "-- Note: as it is",
    ]


def test_a_second_import_takes_what_is_new(project: Project) -> None:
    files = {"V1_0__a.sql": "CREATE TABLE a (x);"}
    take(project, "flyway", files)
    before = project.files()
    again = take(project, "flyway", files)
    assert (again.pairs, again.present, again.files) == ((), ("0001_a",), ())
    assert project.files() == before
    assert [pair.id for pair in take(project, "flyway", {"V1_1__b.sql": "CREATE TABLE b (x);"}).pairs] == ["0002_b"]
    project.run("migrate.up").expect(0)


@pytest.mark.parametrize(
    ("word", "path", "text"),
    [
        ("prisma", "1_a/migration.sql", "CREATE TABLE a (x, y);"),
        ("d1", "1_a.sql", "CREATE TABLE a (x); INSERT INTO a VALUES (1);"),
        ("golang-migrate", "1_a.down.sql", "-- not yet"),
    ],
)
def test_a_file_that_changed_since_is_named(project: Project, word: str, path: str, text: str) -> None:
    files = {"1_a.up.sql": "CREATE TABLE a (x);", "1_a.down.sql": "DROP TABLE a;"}
    take(project, word, files if word == "golang-migrate" else {path: "CREATE TABLE a (x);"})
    assert not take(project, word, {}).left_out
    again = take(project, word, {path: text})
    assert again.pairs == ()
    assert "has changed since it was taken over as 1_a" in again.left_out[0].what


def test_nothing_is_overwritten(project: Project) -> None:
    project.add("0001_mine", "-- mine\nCREATE TABLE m (x);", "DROP TABLE m;")
    before = project.files()
    with pytest.raises(FileError) as caught:
        take(project, "d1", {"0001_a.sql": "CREATE TABLE a (x);"})
    assert caught.value.details == ("0001_a.sql has the version of migrations/0001_mine.sql",)
    assert {k: v for k, v in project.files().items() if not k.startswith("there")} == before


def test_a_dry_run_writes_nothing(project: Project) -> None:
    imported = take(project, "d1", {"0001_a.sql": "CREATE TABLE a (x);"}, dry_run=True)
    assert [pair.id for pair in imported.pairs] == ["0001_a"]
    assert not list(project.migrations.iterdir())


def test_the_folder_of_memsql_is_no_source(project: Project) -> None:
    (project.migrations / "1_a.up.sql").write_text("SELECT 1;")
    settings = config.load(project=str(project.root), environ={})
    with pytest.raises(UsageError) as caught:
        import_set(settings, tool_of("sqlx"), project.migrations, dry_run=True, progress=SILENT)
    assert "mv migrations sqlx-migrations && memsql import sqlx sqlx-migrations" in (caught.value.hint or "")


def test_the_command(project: Project) -> None:
    take(project, "d1", {"0001_a.sql": "CREATE TABLE a (x);"}, dry_run=True)
    done = project.run("import", "d1", "there", "--dry-run").expect(0, "would write 0001_a", "nothing was written")
    assert "memsql import d1 there" in done.out
    report = project.run("import", "d1", "there", "--json").expect(0).json()
    assert report["migrations"][0]["rollback"] == "derived"
    assert report["files"] == ["migrations/0001_a.sql", "migrations/0001_a.rollback.sql", "migrations/memsql.sum"]
    project.run("import", "gosse", "there").expect(2, "did you mean goose")
    project.run("import", "goose", "nowhere").expect(2, "there is no folder nowhere")
    project.run("import", "goose").expect(2)


def test_line_ends_of_windows_in_values_are_kept(project: Project) -> None:
    up = """CREATE TABLE a (x, "y" DEFAULT 'p\nq'); -- why
INSERT INTO a VALUES ('one\n\ntwo', X'00'), ('it''s
', "z");
CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO a SELECT 'r
s', 1 WHERE new.x = 0; END;
UPDATE a SET x = x || '
' WHERE x = 'one

two';
"""
    (project.root / "there").mkdir()
    (project.root / "there" / "1_a.sql").write_bytes(up.replace('"z"', "'z'").replace("\n", "\r\n").encode())
    imported = take(project, "d1", {})
    assert b"\r" not in project.up_file("1_a").read_bytes()
    project.run("migrate.up").expect(0)
    assert project.query("SELECT x FROM a") == [("one\r\n\r\ntwo\r\n",), ("it's\r\n",)]
    assert notes(imported).split("\n") == [
        'line 1 has a value with line ends of Windows: it has "\\n" now, as the text of a schema has',
        "line 3 has a value with line ends of Windows: they are written as char(13,10)",
        'line 7 has a value with line ends of Windows: it has "\\n" now, as the text of a schema has',
        "line 9 has a value with line ends of Windows: they are written as char(13,10)",
    ]


def test_a_way_back_that_does_nothing_is_named(project: Project) -> None:
    imported = take(project, "golang-migrate", {"1_a.up.sql": "CREATE TABLE a (x);", "1_a.down.sql": "-- later\n"})
    assert "its way back does nothing in golang-migrate, and memsql takes it for none" in notes(imported)
    assert "DROP TABLE a;" in texts(project, "1_a")[1]


@pytest.mark.parametrize("left", [0, 1, 2, 4])
def test_an_import_that_is_killed_is_taken_away(project: Project, monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    project.add("0001_own", "CREATE TABLE own (x);\n")
    project.run("migrate.sum").expect(0)
    before = {path.name for path in project.migrations.iterdir()}
    files = {f"{n}_a.sql": goose(f"CREATE TABLE a{n} (x);", f"DROP TABLE a{n};") for n in (2, 3)}

    class KilledError(BaseException):
        pass

    def stop(_: object, texts: dict[Path, str]) -> None:
        for path, text in list(texts.items())[:left]:
            path.write_text(text)
        if left == 1:
            next(iter(texts)).write_text("-- A")
        if left == 4:
            (project.migrations / "memsql.sum").write_text(sum_text(read_folder(project.migrations, "m", ".import")))
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(import_files, "write_new_files", stop)
        patched.setattr(import_files, "_ended", lambda _: None)
        with pytest.raises(KilledError):
            take(project, "goose", files)
    project.run("migrate.up").expect(2, "an import into migrations was interrupted", "memsql import goose there")
    with pytest.raises(FileError, match="was interrupted"):
        take(project, "goose", files, dry_run=True)
    assert len(take(project, "goose", files).pairs) == 2
    new = {f"{n}_a{ending}.sql" for n in (2, 3) for ending in ("", ".rollback")}
    assert {path.name for path in project.migrations.iterdir()} == before | new
    project.run("migrate.up").expect(0)


def test_of_two_imports_at_once_one_writes(project: Project) -> None:
    settings = config.load(project=str(project.root), environ={})
    (project.migrations / ".import").write_text("")
    with pytest.raises(FileError, match="another import is under way"):
        import_files.write(settings, "import goose there", {project.migrations / "1_a.sql": "SELECT 1;"})
    assert [path.name for path in project.migrations.iterdir()] == [".import"]
