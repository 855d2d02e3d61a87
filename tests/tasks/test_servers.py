"""Where the extra for servers is not installed: said before the first task of a chain runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memsql import db
from memsql.config import parse_target
from memsql.db import client
from memsql.errors import UsageError
from memsql.tasks.program import MemsqlProgram

SERVER = "libsql://shop-acme.turso.io"
INSTALL = "pip install 'memsql-migrate[libsql]'"


@pytest.fixture(autouse=True)
def without_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MODULES", ("libsql_client_that_nobody_installed",))
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_a.sql").write_text("-- A\nCREATE TABLE a (b);\n")
    (tmp_path / "setup.cfg").write_text(f"[memsql]\n[memsql:production]\ndatabase = {SERVER}\n")
    monkeypatch.chdir(tmp_path)
    for name in ("TURSO_URL", "MEMSQL_ENV"):
        monkeypatch.delenv(name, raising=False)


def code_of(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        MemsqlProgram(words).run(["memsql", *words])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.mark.parametrize(
    "words",
    [
        ("migrate.up", "--database", f"{SERVER}?authToken=secret-token"),
        ("migrate.up", "verify", "--env", "production"),
        ("migrate.up", "backup.restore", "--to", f"{SERVER}?authToken=secret-token"),
    ],
)
def test_no_task_of_a_chain_runs(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*words) == 2
    printed = capsys.readouterr()
    assert INSTALL in printed.err
    assert SERVER in printed.err
    assert "secret-token" not in printed.err + printed.out
    assert not (tmp_path / "memory.db").exists()


def test_the_refusal_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("migrate.status", "--env", "production", "--json") == 2
    refused = json.loads(capsys.readouterr().out)
    assert refused["ok"] is False
    assert INSTALL in refused["error"]["hint"]


def test_a_connection_by_the_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="libsql-client and aiohttp") as refused:
        db.connect(parse_target(SERVER, tmp_path))
    assert INSTALL in (refused.value.hint or "")


def test_a_file_needs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MemsqlProgram(["migrate.up"]).run(["memsql", "migrate.up"], exit=False)
    assert "1 migration applied" in capsys.readouterr().out
