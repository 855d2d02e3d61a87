"""The baseline of the reference database can be rolled back where nobody wrote a row, on a file and on a server."""

from __future__ import annotations

from pathlib import Path

import cli
import pytest
from places import ROOT

from memsql.server import Running

pytestmark = pytest.mark.slow


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.server)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    if request.param == "file":
        return ("--project", str(ROOT), "--database", str(tmp_path / "a.db"))
    running: Running = request.getfixturevalue("empty_server")
    return ("--project", str(ROOT), "--database", running.url)


def test_a_fresh_database_goes_back_to_nothing_and_up_again(where: tuple[str, ...], tmp_path: Path) -> None:
    for words in (["migrate.up"], ["migrate.to", "0", "--dry-run"], ["migrate.to", "0"], ["migrate.up"], ["verify"]):
        cli.run(*words, *where, cwd=tmp_path).expect(0)
    cli.run("migrate.down", "--steps", "4", *where, cwd=tmp_path).expect(0, "0 migrations applied, 4 pending")
