"""Files of a project that are no migrations: the sum file, checks, queries, steps of a smoke test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memsql.errors import FileError
from memsql.project.checks import read_checks
from memsql.project.files import SUM_NAME, Migration, SqlFile
from memsql.project.queries import read_queries
from memsql.project.smoke import read_steps
from memsql.project.sums import sum_problems, sum_text
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.target import Grammar, Repeated, Target, is_about, scratch_folder

_FILES = {"0001_a": b"SELECT 1;\n", "0002_b b": b"", "0003_é": b"-- words\n"}
_MIGRATIONS = tuple(
    Migration(
        number,
        stem[5:],
        stem,
        SqlFile(f"migrations/{stem}.sql", f"{stem}.sql", data),
        SqlFile(f"migrations/{stem}.rollback.sql", f"{stem}.rollback.sql", data) if number == 1 else None,
    )
    for number, (stem, data) in enumerate(_FILES.items(), 1)
)
_RIGHT = sum_text(_MIGRATIONS)
_SUM_GRAMMAR: Grammar = {
    "start": [_RIGHT, "memsql.sum 1\n<lines>", "<lines>", "<start><lines>"],
    "lines": ["", "<line>\n<lines>", "<line>\r\n<lines>", "<line>\v<lines>", "<line>"],
    "line": [*_RIGHT.splitlines(), "<hash> <hash> <file>", "<hash> <file>", "", " ", "<<<<<<< HEAD", "=======", "a  b"],
    "hash": ["0", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "é", ""],
    "file": ["0001_a.sql", "0001_a.rollback.sql", "0002_b b.sql", "0003_é.sql", "0004_new.sql", "\x1b[2J"],
}
_HEADED_GRAMMAR: Grammar = {
    **SQL,
    "start": ["-- name: a\nSELECT 1;\n", "<lines><select>;", "<lines><statement><maybe>;", "<lines><select>;<start>"],
    "lines": ["-- name: a\n", "<line>\n<lines>", "<line>\n"],
    "line": [
        "-- severity: warning", "-- severity: error", "-- why: because", "-- timeout: 2m", "-- timeout: <value>",
        "-- words", "-- param: v = <value>", "-- param: x = SELECT 1", "-- plan: <plan>",
        "-- references: t.a -> u.x", "-- expect: <value>", "-- allow: MS01 because", "-- name:", "-- param: <value>",
        "-- when: <event>", "-- part: a", "/* x */", "-- nam: a",
    ],
    "plan": [
        "uses i", "no scan", "scan t", "search t", "rows < 10", "rows read <= 1e3", "<value>", "no sort", "no temp",
    ],
}  # fmt: skip


def run_sums(data: bytes) -> None:
    """Compare ``data`` as memsql.sum with three migrations."""
    with scratch_folder() as folder:
        (folder / SUM_NAME).write_bytes(data)
        problems = sum_problems(folder, _MIGRATIONS)
    assert (problems == []) == (data.replace(b"\r\n", b"\n") == _RIGHT.encode()), problems


def _reads(read: Callable[[Path, str], object], shown: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with scratch_folder() as folder:
            (folder / "0001_a.sql").write_bytes(data)
            try:
                read(folder, shown)
            except FileError as e:
                is_about(e, f"{shown}/0001_a.sql")

    return run


def _work(read: Callable[[Path, str], object], name: str) -> Callable[[str], object]:
    def work(text: str) -> object:
        with scratch_folder() as folder:
            (folder / name).write_text(text, encoding="utf-8")
            try:
                return read(folder, "shown")
            except FileError as e:
                return e

    return work


def _read_steps(folder: Path, shown: str) -> object:
    return read_steps(folder, shown, 1000)


TARGETS = [
    Target(
        "sums",
        "finds no problem in the file that memsql writes, and one in every other",
        run_sums,
        _SUM_GRAMMAR,
        work=_work(lambda folder, _: sum_problems(folder, _MIGRATIONS), SUM_NAME),
        growing=[Repeated("a b c\n"), Repeated("\n"), Repeated(" "), Repeated("a b 0001_a.sql\n", "\n")],
    ),
    Target(
        "checks",
        "raises FileError with the name of the file alone",
        _reads(read_checks, "sql/checks"),
        _HEADED_GRAMMAR,
        work=_work(read_checks, "a.sql"),
        growing=[Repeated("-- references: a.b -> c.d\n", "-- name: a\n", "SELECT 1"), Repeated("-- why: a\n")],
    ),
    Target(
        "queries",
        "raises FileError with the name of the file alone",
        _reads(read_queries, "sql/queries"),
        _HEADED_GRAMMAR,
        work=_work(read_queries, "a.sql"),
        growing=[
            Repeated("-- param: v = 1\n", "", "SELECT :v"),
            Repeated(":v, ", "-- param: v = 1\nSELECT ", "1"),
            Repeated("-- plan: no scan\n", "", "SELECT 1"),
        ],
    ),
    Target(
        "smoke",
        "raises FileError with the name of the file alone",
        _reads(_read_steps, "sql/smoke"),
        _HEADED_GRAMMAR,
        work=_work(_read_steps, "a.sql"),
        growing=[Repeated("SELECT 1;", "-- name: a\n"), Repeated("-- expect: 1\n", "-- name: a\n", "SELECT 1")],
    ),
]
