"""The decorator of the tasks: options, settings, outcomes, errors and exit codes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke import Context, Exit

from memsql.config import Settings
from memsql.errors import LockedError, StatementError
from memsql.report.progress import Bar
from memsql.tasks.command_line import MemsqlTask
from memsql.tasks.task import PROJECT_OPTIONS, Outcome, task


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "migrations").mkdir()
    for database in ("memory.db", "staging.db"):
        (tmp_path / database).touch()
    (tmp_path / "setup.cfg").write_text("[memsql]\n[memsql:staging]\ndatabase = staging.db\n")
    monkeypatch.chdir(tmp_path)
    for name in ("TURSO_URL", "MEMSQL_ENV", "MEMSQL_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return tmp_path


def context() -> Context:
    return Context()


def task_of(body: Callable[[], Outcome], command: str = "group.example") -> MemsqlTask:
    """A task without options of its own that calls ``body``."""

    @task(command)
    def example(settings: Settings, progress: Bar) -> Outcome:
        """Example."""
        return body()

    return example


def options(of: MemsqlTask) -> dict[str, tuple[object, str | None, bool]]:
    return {a.names[0]: (a.value, a.help, a.positional) for a in of.get_arguments()}


def test_a_task_has_its_own_options_and_then_the_common_ones() -> None:
    @task("group.example", help={"dry-run": "change nothing"}, default=True)
    def example_(settings: Settings, progress: Bar, *, version: str, dry_run: bool = False, to_: str = "3") -> Outcome:
        """First line."""
        return Outcome("")

    assert (example_.name, example_.is_default, example_.__doc__) == ("example", True, "First line.")
    texts = options(example_)
    common = ["database", "env", "project", "insecure", "json", "quiet", "verbose"]
    assert list(texts) == ["version", "dry-run", "to", *common]
    assert texts["version"] == (None, None, True)
    assert texts["dry-run"] == (False, "change nothing", False)
    assert texts["to"][0] == "3"
    assert texts["json"] == (False, "print one JSON object on stdout", False)
    assert options(example_) == texts, "as often as somebody reads them"
    assert all(len(flag) > 1 for a in example_.get_arguments() for flag in a.names), "no short flags"
    assert example_.valued_options() == {"--version", "--to", "--database", "--env", "--project"}


def test_a_task_on_files_has_no_database() -> None:
    @task("example", common=PROJECT_OPTIONS)
    def example(settings: Settings, progress: Bar) -> Outcome:
        """Example."""
        return Outcome(settings.root.name)

    assert list(options(example)) == ["project", "json", "quiet", "verbose"]
    example(context())


def test_help_for_an_option_that_is_not_there_is_a_mistake() -> None:
    @task("example", help={"nope": "x"})
    def example(settings: Settings, progress: Bar) -> Outcome:
        """Example."""
        return Outcome("")

    with pytest.raises(ValueError, match="nope"):
        example.get_arguments()


def test_the_function_gets_settings_progress_and_its_options(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @task("example")
    def example(settings: Settings, progress: Bar, *, first: str, second: bool = False, json: bool = False) -> Outcome:
        """Example."""
        progress.start("working")
        return Outcome(f"{settings.target} {first} {second} {json}")

    example(context(), first="x", env="staging")
    example(context(), "y", second=True)
    assert capsys.readouterr().out.splitlines() == ["staging.db x False False", "memory.db y True False"]
    with pytest.raises(TypeError):
        example(context())


def test_an_outcome_is_printed_as_text_or_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    example = task_of(lambda: Outcome("3 rows", {"rows": 3}))
    example(context())
    assert capsys.readouterr().out == "3 rows\n"
    example(context(), json=True)
    assert json.loads(capsys.readouterr().out) == {"memsql_json": 1, "ok": True, "command": "group.example", "rows": 3}


def test_an_outcome_that_is_not_well_ends_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    example = task_of(lambda: Outcome("stale", {"fresh": False}, 1))
    with pytest.raises(Exit) as stopped:
        example(context(), json=True)
    assert stopped.value.code == 1
    assert json.loads(capsys.readouterr().out) == {
        "memsql_json": 1,
        "ok": False,
        "command": "group.example",
        "fresh": False,
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_printed_and_ends_with_its_code(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> Outcome:
        raise LockedError("another writer", hint="wait")

    with pytest.raises(Exit) as stopped:
        task_of(fail)(context(), json=as_json)
    assert stopped.value.code == 4
    printed = capsys.readouterr()
    if as_json:
        answer = json.loads(printed.out)
        assert (answer["ok"], answer["command"], printed.err) == (False, "group.example", "")
        assert (answer["error"]["message"], answer["error"]["exit_code"]) == ("another writer", 4)
    else:
        assert (printed.out, printed.err) == ("", "error: another writer\n  next: wait\n")


@pytest.mark.parametrize(("signal_name", "name"), [((), "Ctrl-C"), (("SIGTERM",), "SIGTERM")])
def test_a_signal_is_an_error(signal_name: tuple[str, ...], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def stop() -> Outcome:
        raise KeyboardInterrupt(*signal_name)

    with pytest.raises(Exit) as stopped:
        task_of(stop)(context())
    assert stopped.value.code == 5
    assert f"{name} stopped group.example" in capsys.readouterr().err


def test_settings_that_are_wrong_are_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as stopped:
        task_of(lambda: Outcome(""))(context(), env="nope")
    assert stopped.value.code == 2
    assert "nope" in capsys.readouterr().err


def test_another_exception_is_a_bug_and_is_not_caught() -> None:
    with pytest.raises(ZeroDivisionError):
        task_of(lambda: Outcome(str(1 // 0)))(context())


def test_on_a_server_another_exception_may_come_from_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Such as rows that are those of another query; with --verbose the traceback is there all the same."""

    @task("group.example")
    def example(settings: Settings, progress: Bar) -> Outcome:
        rows: list[tuple[int, ...]] = [(1,)]
        return Outcome(",".join(str(second) for _, second in rows), {})

    with pytest.raises(Exit) as caught:
        example(context(), database="http://127.0.0.1:1")
    shown = capsys.readouterr().err
    assert caught.value.code == 3
    assert "an answer does not fit what was asked" in shown
    assert "ValueError in memsql/" in shown
    assert shown.count("error: ") == 1
    with pytest.raises(ValueError, match="not enough values"):
        example(context(), database="http://127.0.0.1:1", verbose=True)
    with pytest.raises(ValueError, match="not enough values"):
        example(context())


def test_a_task_may_print_json_without_being_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    @task("example", prints_json=lambda values: values["format"] == "json")
    def example(settings: Settings, progress: Bar, *, format: str = "json") -> Outcome:
        """Example."""
        return Outcome("text", {"a": 1}, plain=True)

    example(context())
    assert json.loads(capsys.readouterr().out)["a"] == 1
    example(context(), format="text")
    assert capsys.readouterr().out == "text\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("SQLITE_FULL", 6, "there is no space left on the disk of the database: m"),
        ("SQLITE_IOERR_WRITE", 6, "there is no space left on the disk of the database, or it cannot be written: m"),
        ("SQLITE_IOERR_READ", 3, "the disk of the database could not be read or written: m"),
    ],
)
def test_a_disk_that_fails_is_no_failed_check(
    capsys: pytest.CaptureFixture[str], code: str, exit_code: int, said: str
) -> None:
    @task("fts.check")
    def check(settings: Settings, progress: Bar) -> Outcome:
        raise StatementError("m", code=code)

    with pytest.raises(Exit) as stopped:
        check(Context())
    assert stopped.value.code == exit_code
    err = capsys.readouterr().err
    assert said in err
    assert "memsql fts.check" in err
