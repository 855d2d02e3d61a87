"""Helpers of the tests of the reference database's SQL: run its files with as little machinery as possible.

They stand in for the engine on purpose: these tests judge the SQL, not memsql.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from places import ROOT

MIGRATIONS = sorted(p for p in (ROOT / "migrations").glob("0*.sql") if ".rollback" not in p.name)
LEGACY = {"phase1": "L1_phase1", "phase2": "L2_phase2", "align": "L3_align"}
CHECKS = sorted((ROOT / "sql" / "checks").glob("*.sql"))
QUERIES = sorted((ROOT / "sql" / "queries").glob("*.sql"))

Schema = dict[str, str]

RECORD = """
INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT :phase, type, name, tbl_name, sql FROM sqlite_schema
UNION ALL
SELECT :phase, 'column', c.name, t.name, c.type
FROM sqlite_schema AS t JOIN pragma_table_xinfo(t.name) AS c WHERE t.type = 'table'
"""


def statements(text: str) -> Iterator[str]:
    buffer = ""
    for line in text.splitlines(keepends=True):
        buffer += line
        if not line.startswith("--") and sqlite3.complete_statement(buffer):
            yield buffer
            buffer = ""
    assert not re.sub(r"--.*", "", buffer).strip(), buffer


def run_guarded(con: sqlite3.Connection, path: Path) -> None:
    """Run a legacy file; a statement runs if its ``-- when:`` lines hold, asked in turn until one fails."""
    for statement in statements(path.read_text(encoding="utf-8")):
        guards = re.findall(r"^-- when: (.*)$", statement, re.MULTILINE)
        if all(con.execute(f"SELECT {guard}").fetchone()[0] for guard in guards):
            con.execute(statement)


def phase_up(con: sqlite3.Connection, phase: str, *, record: bool = True) -> None:
    con.execute("BEGIN IMMEDIATE")
    con.execute("CREATE TABLE IF NOT EXISTS memsql_legacy_objects (phase, type, name, tbl_name, sql)")
    con.execute("DELETE FROM memsql_legacy_objects WHERE phase = ?", (phase,))
    con.execute(RECORD, {"phase": phase})
    run_guarded(con, ROOT / "migrations" / "legacy" / f"{LEGACY[phase]}.sql")
    if not record:
        con.execute("DELETE FROM memsql_legacy_objects")
    con.execute("COMMIT")


def phase_down(con: sqlite3.Connection, phase: str) -> None:
    con.execute("BEGIN IMMEDIATE")
    con.execute("CREATE TABLE IF NOT EXISTS memsql_legacy_objects (phase, type, name, tbl_name, sql)")
    run_guarded(con, ROOT / "migrations" / "legacy" / f"{LEGACY[phase]}.rollback.sql")
    con.execute("DELETE FROM memsql_legacy_objects WHERE phase = ?", (phase,))
    con.execute("COMMIT")


def schema(con: sqlite3.Connection) -> Schema:
    """Name to SQL text without layout and quotes; no ledger and nothing of SQLite's own."""
    objects = {}
    for kind, name, sql in con.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"):
        if not name.startswith(("sqlite_", "memsql_", "_yoyo", "yoyo_")):
            objects[f"{kind} {name}"] = re.sub(r'[\s"]+', " ", sql).replace(" (", "(").strip()
    return objects


def header(path: Path, key: str) -> list[str]:
    return re.findall(rf"^-- {key}: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def connect(path: Path) -> sqlite3.Connection:
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA foreign_keys = ON")
    return con


def migrate(con: sqlite3.Connection, first: int = 1, last: int = len(MIGRATIONS)) -> None:
    for path in MIGRATIONS[first - 1 : last]:
        con.executescript(path.read_text(encoding="utf-8"))


def rollback_text(path: Path) -> str:
    return path.with_suffix("").with_suffix(".rollback.sql").read_text(encoding="utf-8")


def run_check(con: sqlite3.Connection, path: Path) -> list[str]:
    return [row[0] for row in con.execute(path.read_text(encoding="utf-8"))]


def errors(con: sqlite3.Connection) -> dict[str, list[str]]:
    answers = {p.stem: run_check(con, p) for p in CHECKS if header(p, "severity") == ["error"]}
    return {name: messages for name, messages in answers.items() if messages}
