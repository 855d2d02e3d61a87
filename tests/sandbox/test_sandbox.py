"""Somebody else's SQL runs in a process that reaches nothing and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import strangers

from memsql import deadline
from memsql.errors import CheckFailed, FileError, Location, StatementError
from memsql.legacy.shapes import Era
from memsql.lint import Finding
from memsql.sandbox import isolated, process, wire

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time for each part."""
    monkeypatch.setattr(deadline, "PART_SECONDS", 0.3)
    monkeypatch.setattr(process, "_GRACE", 0.3)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("ATTACH '{}' AS x", "ATTACH"),
        ("ATTACH 'file:{}?mode=rwc' AS x", "ATTACH"),
        ("ATTACH '{}' || '' AS x", "ATTACH"),
        ("ATTACH ':memory:' AS x", "ATTACH"),
        ("VACUUM INTO '{}'", "ATTACH"),
        ("VACUUM main INTO (SELECT '{}')", "ATTACH"),
        ("PRAGMA writable_schema = on", "writable_schema"),
        ("PRAGMA temp_store_directory = '{}'", "temp_store_directory"),
        ("SELECT load_extension('{}')", "load_extension"),
        ("SELECT Load_Extension('{}', 'f')", "load_extension"),
        ("SELECT fts3_tokenizer('simple', x'4141414141414141')", "fts3_tokenizer"),
    ],
)
def test_nothing_outside_is_reached(tmp_path: Path, sql: str, what: str) -> None:
    with pytest.raises(StatementError, match=f"(?i){what}.* is refused"):
        isolated(strangers.answer, sql.format(tmp_path / "pwned"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_harmless_runs() -> None:
    harmless = ("SELECT 1", "VACUUM", "PRAGMA writable_schema", "PRAGMA temp_store = file", "SELECT hex(zeroblob(9))")
    assert isolated(strangers.answer, *harmless) == ["1", "None", "0", "None", "0" * 18]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS.format("max(x)"),
        ENDLESS.format("x"),
        ENDLESS.format("group_concat(x)"),
        ENDLESS.format("count(DISTINCT randomblob(1000000))"),
        "CREATE TEMP TABLE t AS " + ENDLESS.format("randomblob(100000)"),
        # One call of a function, which nothing interrupts.
        "SELECT instr(zeroblob(40000000), zeroblob(20000000) || x'01')",
    ],
)
def test_what_does_not_end_is_stopped(sql: str) -> None:
    began = time.monotonic()
    first, second = isolated(strangers.answer, sql, "SELECT 2")
    assert (first.startswith("stopped: it "), second) == (True, "2")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT zeroblob(2147483647)",
        "SELECT randomblob(2147483647)",
        "SELECT replace(hex(zeroblob(20000000)), '0', '00')",
    ],
)
def test_what_is_huge_is_an_error(sql: str) -> None:
    with pytest.raises(StatementError, match=r"too big|out of memory"):
        isolated(strangers.answer, sql)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_memory_is_limited() -> None:
    assert isolated(strangers.fill_memory) == deadline.TOO_LARGE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of a process")
def test_no_byte_is_written(tmp_path: Path) -> None:
    assert isolated(strangers.write_file, str(tmp_path / "x")) != "written"
    assert not (tmp_path / "x").read_text()


def test_a_part_that_ends_its_process_is_passed_over() -> None:
    one, two, three = isolated(strangers.die, "two")
    assert (one, three) == ("one", "three")
    assert "SIGKILL" in two


def test_a_process_that_ends_outside_of_a_part_is_an_error() -> None:
    with pytest.raises(CheckFailed, match="ended with exit code 3"):
        isolated(strangers.die_outside)


@pytest.mark.usefixtures("short")
def test_who_does_not_hear_is_ended() -> None:
    assert isolated(strangers.deaf) == ["quick", "it did not end within 0 seconds"]


def test_the_time_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "WHOLE_SECONDS", 0.5)
    first, second = isolated(strangers.answer, ENDLESS.format("max(x)"), "SELECT 1")
    assert first.startswith("stopped: it did not end within")
    assert second.startswith("stopped: it was not tried")


def test_errors_arrive_whole() -> None:
    with pytest.raises(FileError) as raised:
        isolated(strangers.fail)
    error = raised.value
    assert (error.message, error.where, error.statement) == ("it is wrong", Location("a.sql", 3), "SELECT")
    assert (error.details, error.hint, error.exit_code) == (("one", "two"), "mend it", 2)
    with pytest.raises(CheckFailed, match=r"memsql itself failed .*KeyError"):
        isolated(strangers.mistaken, "")
    (reason,) = isolated(strangers.mistaken, "part")
    assert reason == "memsql itself failed on it (KeyError: 'a mistake'); please report that"
    with pytest.raises(CheckFailed, match="was stopped: script: it"):
        deadline_of_script()


def deadline_of_script() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadline, "PART_SECONDS", 0.2)
        isolated(strangers.run_script, ENDLESS.format("max(x)"))


def test_another_way_to_start_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_start_method", lambda: "spawn")
    assert isolated(strangers.answer, "SELECT 1", "SELECT 2") == ["1", "2"]


def test_the_process_is_another_one() -> None:
    assert isolated(strangers.process_id) != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_with_its_parent(number: signal.Signals) -> None:
    program = "import strangers; from memsql.sandbox import isolated; isolated(strangers.deaf)"
    environment = {**os.environ, "PYTHONPATH": str(Path(strangers.__file__).parent)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while not (pids := children.read_text().split()):
        time.sleep(0.05)
    parent.send_signal(number)
    parent.wait(30)
    ends = time.monotonic() + 20
    while Path(f"/proc/{pids[0]}").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(f"/proc/{pids[0]}").exists()


@dataclass(frozen=True)
class Foreign:
    """A dataclass that is none of memsql."""

    name: str


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 1.0, True, "1", b"\x00\xff", None, -(2**63), 0.0, -0.0],
        {"a": (1, 2), ("b", 3): frozenset({"x"})},
        Era("e\udc80\u202e", "d", ("p",), (1, 2), frozenset({"o"}), None, is_prefix=True),
        (Finding("MS30", "n", "error", "p", 1, 2, 3, "m"), Location("a", None, 4)),
    ],
)
def test_results_arrive_as_they_were(value: object) -> None:
    again = wire.decode(wire.encode(value))
    assert again == value
    assert repr(again) == repr(value)


def test_only_results_are_read() -> None:
    with pytest.raises(TypeError):
        wire.encode(Foreign("x"))
    for kind in ("os:system", "memsql.config:load", "memsql.sandbox.wire:encode", "memsql.git:subprocess.run"):
        with pytest.raises(ValueError, match="not a"):
            wire.decode(json.dumps({"nodes": [["v", "echo"], [kind, [0]]], "root": 1}).encode())
    for data in (b"", b"[]", b"{}", b'{"nodes": [["tuple", [5]]], "root": 0}', b"\xff"):
        with pytest.raises(ValueError):
            wire.decode(data)
