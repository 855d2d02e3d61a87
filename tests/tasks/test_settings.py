"""setup.cfg, environment, .env and options, through the command line; and secrets that stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

TOKEN = "eyJhbGciOi.SECRET.token"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    return project


def databases(project: Project) -> set[str]:
    return {p.name for p in project.root.glob("*.db")}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "[memsql]\ndatabse = x.db\n",
            ("unknown setting 'databse' in [memsql]", "setup.cfg", "settings are: migrations"),
        ),
        ("[metadata]\nname = x\n", ("no memsql project here",)),
        ("", ("no memsql project here",)),
        ("[memsql]\nbusy_timeout = soon\n", ("busy_timeout = soon: not a time",)),
        ("[memsql]\nbusy_timeout = -5\n", ("busy_timeout = -5: not a time",)),
        ("[memsql]\nprotected = perhaps\n", ("protected = perhaps: not yes or no",)),
        ("[memsql]\nbackup_max_age = 3 weeks\n", ("backup_max_age = 3 weeks: not a time",)),
        ("[memsql]\ncheck_timeout = never\n", ("check_timeout = never: not a time", "30s or 2m")),
        ("[memsql]\ncheck_timeout = 0\n", ("check_timeout = 0: not a time",)),
        ("[memsql]\nthis is no setting\n", ("setup.cfg cannot be read",)),
        ("[memsql]\ndatabase = a.db\ndatabase = b.db\n", ("setup.cfg cannot be read",)),
        ("[memsql]\ndatabase = mysql://localhost/x\n", ("mysql:// is no kind of database",)),
        ("[memsql]\nmigrations = nowhere\n", ("the migrations folder nowhere cannot be read",)),
    ],
)
def test_bad_settings(project: Project, text: str, parts: tuple[str, ...]) -> None:
    project.configure(text)
    before = project.files()
    for task in ("migrate.up", "migrate.status"):
        project.run(task).expect(2, *parts)
    assert project.files() == before


def test_setup_cfg_that_is_not_utf_8(project: Project) -> None:
    (project.root / "setup.cfg").write_bytes(b"[memsql]\ndatabase = caf\xe9.db\n")
    project.run("migrate.up").expect(2, "setup.cfg cannot be read")


def test_the_section_alone_is_enough(project: Project) -> None:
    project.configure("[memsql]\n")
    project.up()
    assert databases(project) == {"memory.db"}


def test_environments(project: Project) -> None:
    project.configure(
        "[memsql]\ndatabase = local.db\nbusy_timeout = 1s\n[memsql:staging]\ndatabase = staging.db\n[memsql:x]\n"
    )
    project.run("migrate.up", "--env", "prod").expect(
        2, "there is no environment 'prod'", "known environments: staging, x"
    )
    assert databases(project) == set()
    project.up("--env", "staging")
    assert databases(project) == {"staging.db"}
    project.up(env={"MEMSQL_ENV": "x"})
    assert databases(project) == {"staging.db", "local.db"}
    project.run("migrate.status", env={"MEMSQL_ENV": "nope"}).expect(2, "there is no environment 'nope'")


def test_the_flag_wins_over_the_variable(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n[memsql:two]\ndatabase = two.db\n")
    project.up("--env", "one", env={"MEMSQL_ENV": "two"})
    assert databases(project) == {"one.db"}


def test_the_database_wins_over_everything(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    project.up("--env", "one", "--database", "named.db", env={"TURSO_URL": "sqlite:///turso.db"})
    assert databases(project) == {"named.db"}


def test_the_environment_wins_over_turso_url(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    project.up("--env", "one", env={"TURSO_URL": "sqlite:///turso.db"})
    assert databases(project) == {"one.db"}


TWO = {"MEMSQL_ENV": "one", "TURSO_URL": "sqlite:///turso.db"}


@pytest.mark.parametrize("url", ["sqlite:///turso.db", "libsql://test.example.invalid", "two"])
@pytest.mark.parametrize("task", ["migrate.up", "migrate.status"])
def test_two_variables_that_disagree_are_refused(project: Project, url: str, task: str) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n[memsql:two]\ndatabase = two.db\n")
    (project.root / "turso.db").touch()
    before = project.files()
    done = project.run(task, env={**TWO, "TURSO_URL": url}).expect(2, "MEMSQL_ENV=one", "one.db", f"TURSO_URL={url}")
    assert "--env one" in done.err
    assert "--database" in done.err
    assert project.files() == before


def test_a_token_in_one_of_the_two_stays_secret(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    done = project.run("migrate.up", env={**TWO, "TURSO_URL": f"libsql://h.invalid?authToken={TOKEN}"}).expect(2)
    assert TOKEN not in done.out + done.err


def test_two_variables_in_dotenv_that_disagree_are_refused(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    (project.root / ".env").write_text("MEMSQL_ENV=one\nTURSO_URL=sqlite:///turso.db\n")
    project.run("migrate.up").expect(2, "MEMSQL_ENV=one", "TURSO_URL=sqlite:///turso.db")
    (project.root / ".env").write_text("MEMSQL_ENV=one\n")
    project.run("migrate.up", env={"TURSO_URL": "sqlite:///turso.db"}).expect(2, "MEMSQL_ENV=one")
    assert databases(project) == set()


def test_what_is_chosen_on_the_command_line_ends_the_disagreement(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    project.up("--env", "one", env=TWO)
    assert databases(project) == {"one.db"}
    project.up("--database", "sqlite:///turso.db", env=TWO)
    assert databases(project) == {"one.db", "turso.db"}
    project.db.unlink(missing_ok=True)
    (project.root / "turso.db").unlink()
    project.up(env={**TWO, "MEMSQL_ENV": ""})
    assert databases(project) == {"one.db", "turso.db"}


def test_two_variables_that_agree(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    project.up(env={**TWO, "TURSO_URL": "file:./one.db"})
    assert databases(project) == {"one.db"}


def test_an_environment_that_is_typed_wins_over_the_file_of_a_developer(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    (project.root / ".env").write_text("TURSO_URL=sqlite:///dotenv.db\n")
    project.up(env={"MEMSQL_ENV": "one"})
    assert databases(project) == {"one.db"}


@pytest.mark.parametrize("words", [(), ("--env", "one")], ids=["variable", "option"])
def test_an_environment_without_an_address_of_its_own_is_refused_beside_turso_url(
    project: Project, words: tuple[str, ...]
) -> None:
    project.configure("[memsql]\ndatabase = default.db\n[memsql:one]\nbusy_timeout = 1s\n")
    project.run("migrate.up", *words, env={"TURSO_URL": "sqlite:///turso.db"} if words else TWO).expect(
        2, "default.db", "TURSO_URL=sqlite:///turso.db", "[memsql:one]", "--database sqlite:///turso.db"
    )
    assert databases(project) == set()


def test_turso_url_wins_over_the_default(project: Project) -> None:
    project.up(env={"TURSO_URL": "sqlite:///turso.db"})
    assert databases(project) == {"turso.db"}


def test_dotenv(project: Project) -> None:
    project.configure("[memsql]\n[memsql:one]\ndatabase = one.db\n")
    (project.root / ".env").write_text("# local\nexport TURSO_URL='sqlite:///dotenv.db'\nUNRELATED=1\n")
    project.up()
    assert databases(project) == {"dotenv.db"}
    project.up(env={"TURSO_URL": "sqlite:///real.db"})
    assert databases(project) == {"dotenv.db", "real.db"}
    (project.root / ".env").write_text("MEMSQL_ENV=one\n")
    project.up()
    assert databases(project) == {"dotenv.db", "real.db", "one.db"}


SECRET_URLS = [
    f"libsql://db.example.invalid?authToken={TOKEN}",
    f"https://user:{TOKEN}@db.example.invalid/path",
    f"https://db.example.invalid/?a=b&authToken={TOKEN}",
    f"postgres://user:{TOKEN}@db.example.invalid/x",
    f"nonsense://db?authToken={TOKEN}",
]


@pytest.mark.parametrize("url", SECRET_URLS)
@pytest.mark.parametrize("words", [["migrate.up"], ["migrate.status", "--json"]], ids=["up", "status"])
def test_tokens_are_never_printed(project: Project, url: str, words: list[str]) -> None:
    for done in (
        project.run(*words, "--database", url),
        project.run(*words, env={"TURSO_URL": url, "TURSO_AUTH_TOKEN": TOKEN}),
        project.run(*words, env={"TURSO_URL": "libsql://db.example.invalid", "TURSO_AUTH_TOKEN": TOKEN}),
    ):
        assert done.code in (2, 3), done
        assert TOKEN not in done.out + done.err
        assert "Traceback" not in done.out + done.err
    (project.root / ".env").write_text(f"TURSO_URL={url}\nTURSO_AUTH_TOKEN={TOKEN}\n")
    done = project.run(*words)
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize(
    "words", [["migrate.up", "--bogus"], ["migrate.nothing"], ["migrate.down", "--steps"]], ids=" ".join
)
def test_a_wrong_command_line_is_said_without_a_traceback(project: Project, words: list[str]) -> None:
    before = project.files()
    done = project.run(*words)
    assert done.code in (1, 2)
    assert "Traceback" not in done.out + done.err
    assert done.out + done.err
    assert project.files() == before
