"""What init adds to a folder, and that nothing of anybody's is touched."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from cli import Done, files_below, run
from places import ROOT

from memsql import config
from memsql.author.init import Wanted, plan
from memsql.errors import FileError
from memsql.project.additions import Addition, Written


def init(folder: Path, *words: str) -> Done:
    return run("init", *words, cwd=folder)


def git(folder: Path, *words: str) -> int:
    return subprocess.run(["git", *words], cwd=folder, check=False, capture_output=True).returncode


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    done = init(tmp_path).expect(0, "wrote setup.cfg", "wrote .gitignore")
    assert done.out.endswith(
        "next:\n    memsql migrate.create first_tables\n    memsql migrate.up --dry-run\n    memsql migrate.up\n"
    )
    assert set(files_below(tmp_path)) == {
        *("setup.cfg", ".gitignore", "migrations", "migrations/memsql.sum", "sql", "sql/.gitkeep")
    }
    run("migrate.create", "first_tables", cwd=tmp_path).expect(0)
    run("migrate.sum", "--check", cwd=tmp_path).expect(0)
    git(tmp_path, "init", "-q")
    for path in ("memory.db", "memory.db-wal", "memory.db-shm", "memory.db-journal", "backups/x.db", ".env"):
        assert git(tmp_path, "check-ignore", "-q", path) == 0, path
    for path in ("migrations/0001_first_tables.sql", "sql/schema.sql", "sub/memory.db"):
        assert git(tmp_path, "check-ignore", "-q", path) == 1, path


def test_a_second_run_changes_no_byte_and_a_dry_run_writes_none(tmp_path: Path) -> None:
    planned = init(tmp_path, "--all", "--dry-run", "--json").expect(0).json()
    assert not list(tmp_path.iterdir())
    report = init(tmp_path, "--all", "--json").expect(0).json()
    assert {**planned, "dry_run": False} == report
    assert set(report["written"]) >= {"tasks.py", ".github/workflows/sql-review.yml", ".pre-commit-config.yaml"}
    before = files_below(tmp_path)
    again = init(tmp_path, "--all", "--json").expect(0).json()
    assert (again["written"], again["appended"], again["snippets"]) == ([], [], [])
    assert len(again["present"]) == 7
    assert files_below(tmp_path) == before


def test_lines_are_added_at_the_end_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_bytes(b"[metadata]\r\nname = x")
    (tmp_path / ".gitignore").write_text("*.db\n!keep.db\n.env\n")
    (tmp_path / "setup.cfg").chmod(0o600)
    done = init(tmp_path).expect(0, "added to setup.cfg: [memsql]", "added to .gitignore: /memory.db-wal")
    assert "wrote setup.cfg" not in done.out
    assert (tmp_path / "setup.cfg").read_bytes() == (
        b"[metadata]\r\nname = x\r\n\r\n[memsql]\r\ndatabase = memory.db\r\n"
    )
    assert (tmp_path / "setup.cfg").stat().st_mode & 0o777 == 0o600
    ignored = (tmp_path / ".gitignore").read_text()
    assert ignored.startswith("*.db\n!keep.db\n.env\n\n#")
    assert "/memory.db\n" not in ignored
    assert ignored.count(".env") == 1
    run("migrate.status", cwd=tmp_path).expect(0)


def test_the_section_goes_into_pyproject_where_there_is_no_setup_cfg(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    init(tmp_path).expect(0, "added to pyproject.toml: [tool.memsql]")
    assert not (tmp_path / "setup.cfg").exists()
    text = (tmp_path / "pyproject.toml").read_text()
    assert text == '[project]\nname = "x"\n\n[tool.memsql]\ndatabase = "memory.db"\n'
    run("migrate.status", cwd=tmp_path).expect(0)
    before = files_below(tmp_path)
    init(tmp_path).expect(0, "pyproject.toml has [tool.memsql]")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("pyproject.toml", "tool = {}\n", "pyproject.toml takes no section"),
        ("pyproject.toml", "= x\n", "pyproject.toml takes no section"),
        ("setup.cfg", "no section\n", "setup.cfg takes no section"),
        ("migrations", "", "migrations is a file"),
    ],
)
def test_what_takes_no_lines_stops_init_before_it_writes(tmp_path: Path, file: str, text: str, part: str) -> None:
    (tmp_path / file).write_text(text)
    before = files_below(tmp_path)
    init(tmp_path).expect(2, part)
    assert files_below(tmp_path) == before


def test_files_that_hold_something_else_get_a_snippet_to_paste(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from invoke import task\n")
    (tmp_path / ".pre-commit-config.yaml").write_text("repos: []\n")
    (tmp_path / ".gitignore").write_text("*.sql\n")
    done = init(tmp_path, "--tasks", "--pre-commit").expect(0, "tasks.py is there, and is left as it is")
    done.expect(
        0, "    from memsql.tasks import ns\n", "    - repo: local\n", "hides the migrations from git, by *.sql"
    )
    assert (tmp_path / "tasks.py").read_text() == "from invoke import task\n"
    assert (tmp_path / ".pre-commit-config.yaml").read_text() == "repos: []\n"


def test_files_of_another_tool_are_noted_with_the_way_to_take_them_over(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "001_init.up.sql").write_text("CREATE TABLE a (x);\n")
    init(tmp_path).expect(0, "note: migrations/001_init.up.sql", "memsql import golang-migrate")


def test_a_project_in_a_sub_folder_of_a_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    folder = tmp_path / "services" / "db"
    folder.mkdir(parents=True)
    done = run("init", "--all", "--project", "services/db", cwd=tmp_path)
    done.expect(0, "    memsql migrate.up --project services/db\n")
    hooks = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert re.search(hooks[0]["files"], "services/db/migrations/0001_a.sql")
    assert not re.search(hooks[0]["files"], "migrations/0001_a.sql")
    assert re.search(hooks[1]["files"], "services/db/migrations/memsql.sum")
    run(*hooks[1]["entry"].split()[1:], cwd=tmp_path).expect(0)
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "sql-review.yml").read_text())
    # What YAML 1.1 makes of the key "on".
    assert workflow[True]["pull_request"]["paths"] == ["services/db/migrations/**", "services/db/sql/**"]
    assert "memsql review --project services/db --base" in str(workflow)


def test_the_workflow_uses_the_actions_of_this_repository(tmp_path: Path) -> None:
    init(tmp_path, "--github").expect(0)
    written = (tmp_path / ".github" / "workflows" / "sql-review.yml").read_text()
    ours = (ROOT / ".github" / "workflows" / "sql-review.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(written)["permissions"] == {}
    for action in re.findall(r"uses: (\S+)", written):
        assert f"uses: {action}\n" in ours


def test_a_project_below_another_one_is_said_and_one_inside_its_folders_refused(tmp_path: Path) -> None:
    init(tmp_path).expect(0)
    sub = tmp_path / "sub"
    sub.mkdir()
    init(sub).expect(0, f"note: {tmp_path} is a project too")
    before = files_below(tmp_path)
    init(tmp_path / "migrations").expect(2, f"belongs to the project {tmp_path}", "nothing was changed")
    init(tmp_path, "--project", "nowhere").expect(2, "there is no such folder", "mkdir -p nowhere")
    assert files_below(tmp_path) == before


def test_the_environment_of_a_command_does_not_decide_what_is_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TURSO_URL=libsql://x.example\n")
    run("init", cwd=tmp_path, env={"TURSO_URL": "libsql://y.example", "MEMSQL_ENV": "z"}).expect(0)
    before = files_below(tmp_path)
    run("init", cwd=tmp_path, env={"TURSO_URL": "libsql://y.example", "MEMSQL_ENV": "z"}).expect(0)
    assert files_below(tmp_path) == before
    assert "/memory.db\n" in (tmp_path / ".gitignore").read_text()


def test_all_is_written_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    (tmp_path / "file").write_bytes(b"")
    before = files_below(tmp_path)
    additions = [
        Addition(tmp_path / "a", "a", b"two\n", size=4),
        Addition(tmp_path / "new" / "deep" / "b", "new/deep/b", b"b"),
        Addition(tmp_path / "file" / "c", "file/c", b"c"),
    ]
    with pytest.raises(FileError, match="file/c cannot be written") as error:
        Written().add(additions)
    assert error.value.state == "nothing was changed"
    with pytest.raises(FileError, match="file exists already"):
        Written().add([*additions[:2], Addition(tmp_path / "file", "file", b"x")])
    assert files_below(tmp_path) == before


def test_of_two_programs_at_once_one_adds(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\n")
    plans = [plan(config.defaults(tmp_path), Wanted()) for _ in range(2)]
    first = Written()
    first.add(plans[0].additions)
    after = files_below(tmp_path)
    with pytest.raises(FileError, match="changed by another program just now: run this again"):
        Written().add(plans[1].additions)
    assert files_below(tmp_path) == after
    with (tmp_path / ".gitignore").open("a") as f:
        f.write("theirs\n")
    Written().add([Addition(tmp_path / "setup.cfg", "setup.cfg", b"x", size=(tmp_path / "setup.cfg").stat().st_size)])
    (left,) = first.undo()
    assert "setup.cfg: another program has written" in left


@pytest.mark.parametrize(
    ("ignored", "folder"), [("migrations/", "migrations"), ("*.sql", "migrations"), ("db/", "db/migrations")]
)
def test_the_lines_that_bring_the_migrations_back(tmp_path: Path, ignored: str, folder: str) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "setup.cfg").write_text(f"[memsql]\nmigrations = {folder}\n")
    (tmp_path / ".gitignore").write_text(f"{ignored}\n")
    (hint,) = [line for line in init(tmp_path).out.split("\n") if "hides the migrations" in line]
    with (tmp_path / ".gitignore").open("a") as f:
        f.write("\n".join([*hint.partition(": add ")[2].split(" and "), ""]))
    (tmp_path / folder / "0001_a.sql").write_text("")
    assert git(tmp_path, "check-ignore", "-q", f"{folder}/0001_a.sql") == 1
    assert git(tmp_path, "check-ignore", "-q", "db/other") == (0 if ignored == "db/" else 1)


def test_a_link_to_nothing_is_named_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "migrations").symlink_to("nowhere")
    init(tmp_path, "--dry-run").expect(2, "migrations is a link to a folder that is not there")


def test_what_a_stopped_run_left_keeps_no_folder(tmp_path: Path) -> None:
    init(tmp_path).expect(0)
    (tmp_path / "sql" / ".gitkeep").rename(tmp_path / "sql" / ".gitkeep0123abcd.tmp")
    init(tmp_path).expect(0)
    assert [path.name for path in (tmp_path / "sql").iterdir()] == [".gitkeep"]
