"""In what memsql differs from Invoke: loading, bare words, errors of usage, names, and the quick start."""

from __future__ import annotations

import atexit
import gc
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import invoke
import pytest
from cli import clean_environment
from places import ROOT

from memsql.tasks import ns
from memsql.tasks.command_line import Reader
from memsql.tasks.loading import namespace
from memsql.tasks.program import ChainExecutor, MemsqlProgram, Program, follow_invoke


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a program sets up for its own process from the process of the tests."""
    monkeypatch.setattr(atexit, "register", lambda function: function)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["migrate.up", "--to", "3", "fts.check"], ["migrate.up", "fts.check"]),
        (["migrate"], ["migrate.up", "migrate.down", "migrate.status"]),
        (["migrate.up", "migrate.nope"], ["migrate.up", "migrate.down"]),
        (["--list", "migrate.up"], ["backup.create", "verify", "lint"]),
        ([], ["backup.create", "verify", "lint"]),
        (["verify", "backup"], ["verify", "backup.create"]),
    ],
)
def test_the_tasks_that_a_command_line_may_name_are_there(words: list[str], names: list[str]) -> None:
    tasks = namespace(words)
    assert set(names) <= set(tasks.task_names)
    assert set(tasks.task_names) <= set(ns.task_names)
    assert all(tasks[name] is ns[name] for name in tasks.task_names)


def test_one_word_brings_one_task() -> None:
    assert list(namespace(["migrate.up"]).task_names) == ["migrate.up"]


@pytest.mark.parametrize(
    ("words", "complete"),
    [
        ("backup.verify", "backup.verify"),
        ("backup.verify a.db", "backup.verify --file a.db"),
        ("backup.verify --json a.db", "backup.verify --json --file a.db"),
        ("backup.verify --env production", "backup.verify --env production"),
        ("backup.verify --env production a.db", "backup.verify --env production --file a.db"),
        ("backup.verify --env=x a.db", "backup.verify --env=x --file a.db"),
        ("backup.verify --env verify a.db", "backup.verify --env verify --file a.db"),
        ("backup.verify verify", "backup.verify verify"),
        ("backup.verify migrate", "backup.verify --file migrate"),
        ("backup.verify migrate.up", "backup.verify migrate.up"),
        ("backup.verify schema", "backup.verify --file schema"),
        ("backup.verify backup", "backup.verify --file backup"),
        ("lint migrate", "lint --path migrate"),
        ("backup.verify a.db b.db", "backup.verify --file a.db b.db"),
        ("backup.verify a.db verify", "backup.verify --file a.db verify"),
        ("backup.verify --all migrate.up --to 3", "backup.verify --all migrate.up --to 3"),
        ("migrate.up --to 3", "migrate.up --to 3"),
        ("migrate.to 3 backup.restore 3", "migrate.to 3 backup.restore --file 3"),
        ("lint a.sql", "lint --path a.sql"),
        ("lint a.sql --fix b.sql", "lint --path a.sql --fix --path b.sql"),
        ("lint --project x a.sql", "lint --project x --path a.sql"),
        ("lint --path x a.sql", "lint --path x --path a.sql"),
        ("lint -f x.json a.sql", "lint -f x.json --path a.sql"),
        ("lint verify", "lint verify"),
        ("lint a.sql verify", "lint --path a.sql verify"),
        ("lint schema", "lint --path schema"),
        ("nope a b", "nope a b"),
        ("", ""),
    ],
)
def test_a_bare_word_gets_the_name_of_its_option(
    words: str, complete: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schema").mkdir()
    monkeypatch.chdir(tmp_path)
    core = MemsqlProgram([]).initial_context
    reader = Reader(ns, core, paths=True)
    reader.read(words.split())
    assert reader.complete == complete.split()


def test_a_bare_word_behind_lint_is_another_task_for_invoke() -> None:
    core = MemsqlProgram([]).initial_context
    words = ["lint", "a.sql", "backup.verify", "b.db"]
    reader = Reader(ns, core, paths=False)
    reader.read(words)
    assert reader.complete == ["lint", "a.sql", "backup.verify", "--file", "b.db"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["migrate.up", "--nope"], "No idea what '--nope' is!", "see: memsql --help migrate.up"),
        (["migrate.up", "--to", "2", "verfy"], "No idea what 'verfy' is!", "see: memsql --help migrate.up"),
        (["migrate.up", "--to"], "was not given one", "see: memsql --help migrate.up"),
        (["--config"], "was not given one", "see: memsql --list"),
        (["nope"], "No idea what 'nope' is!", "see: memsql --list"),
        (["backup.verify", "a.db", "b.db"], "No idea what 'b.db' is!", "see: memsql --help backup.verify"),
        (["backup.verify", "--file", "a.db", "b.db"], "No idea what 'b.db' is!", "see: memsql --help backup.verify"),
        (["--help", "nope"], "No idea what 'nope' is!", "see: memsql --list"),
    ],
)
@pytest.mark.parametrize("name", ["/usr/bin/memsql", "/usr/bin/memsql-migrate", "__main__.py"])
def test_an_unknown_word_is_usage_whatever_the_command_is_called(
    capsys: pytest.CaptureFixture[str], *, name: str, words: list[str], message: str, hint: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        MemsqlProgram(words).run([name, *words])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert hint in error


@pytest.mark.parametrize("words", [["--help"], ["--help", "migrate.up"], ["migrate.up", "--help"]])
def test_help_names_memsql_whatever_the_command_is_called(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        MemsqlProgram(words).run(["/usr/bin/memsql-migrate", *words])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: memsql [--core-opts] ")


def test_python_keeps_what_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", bool(sys.flags.dont_write_bytecode))
    program = MemsqlProgram(["verify"])
    program.parse_core(["memsql", "verify"])
    assert sys.dont_write_bytecode == bool(sys.flags.dont_write_bytecode)


def test_the_program_of_invoke_becomes_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    program = invoke.Program(name="Invoke")
    monkeypatch.setitem(sys.modules, "invoke.main", SimpleNamespace(program=program))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    follow_invoke()
    assert type(program) is Program
    assert program.executor_class is ChainExecutor
    assert not program.takes_paths
    assert sys.dont_write_bytecode == bool(sys.flags.dont_write_bytecode)


def python(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return done.stdout.strip()


def test_the_version_is_told_without_invoke() -> None:
    script = "import sys; from memsql.__main__ import main; main(); print('invoke' in sys.modules)"
    expected = python("from memsql.tasks.program import MemsqlProgram; MemsqlProgram([]).run(['m', '--version'])")
    assert expected.startswith("memsql ")
    for option in ("--version", "-V"):
        assert python(script, option).splitlines() == [expected, "False"]


def test_what_is_put_off_at_the_start_is_there_when_it_is_used() -> None:
    script = """
import sys
from memsql.tasks.start import import_invoke
import_invoke()
late = [m for m in ("unittest", "unittest.mock", "importlib.metadata", "asyncio", "email", "invoke.vendor.yaml.loader")
        if m in sys.modules]
import importlib.metadata, invoke, invoke.util
double = invoke.MockContext(run=invoke.Result("x"))
print(late, invoke.__version__ == importlib.metadata.version("invoke"), double.run("ls").stdout,
      invoke.util.yaml.safe_load("a: 1"), type(double.run).__module__)
import invoke.main
print(invoke.main.program.version == invoke.__version__, hasattr(invoke, "nope"))
"""
    assert python(script).splitlines() == ["[] True x {'a': 1} unittest.mock", "True False"]


def test_a_stand_in_gives_way_where_more_of_the_module_is_used() -> None:
    script = """
import sys
from memsql.tasks.start import _StandIn
module = sys.modules["unittest.mock"] = _StandIn("unittest.mock", Mock=int)
from unittest.mock import Mock, MagicMock
print(Mock.__name__, MagicMock.__name__, sys.modules["unittest.mock"] is module)
"""
    assert python(script) == "int MagicMock False"


def test_python_does_not_look_for_cycles_when_it_ends() -> None:
    script = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))  # runs last
from memsql.__main__ import main
main()
"""
    assert python(script, "--help", "verify").splitlines()[-1] == "True"


def test_a_status_does_not_import_what_only_writing_needs(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    script = """
import sys; before = set(sys.modules)
from memsql.__main__ import main
try: main()
except SystemExit: pass
late = ("tempfile", "shutil", "random", "decimal", "uuid", "memsql.engine.pending")
print([m for m in late if m in set(sys.modules) - before])
"""
    assert python(script, "migrate.status", "--project", str(tmp_path)).splitlines()[-1] == "[]"
