"""The table of docs/runbook.md: each command of the older guides, and ours, which is run; and what an old name gets."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import servers
import shell
from cli import Project
from eras import build
from places import ROOT

from memsql.server import Running

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
_, _, _SECTION = PAGE.partition("\n## Commands of the older guides\n")
ROWS: list[tuple[str, str]] = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", _SECTION.partition("\n## ")[0], re.MULTILINE)
SCRIPTS = sorted({match[1] for old, _ in ROWS if (match := re.search(r"npm run (\S+)", old))})
EXAMPLE_URL = "libsql://test.turso.io"

FILL = (
    "printf -- '-- NAME\\nCREATE TABLE NAME (x);\\n' > migrations/*_NAME.sql"
    " && printf -- '-- Undo NAME\\nDROP TABLE NAME;\\n' > migrations/*_NAME.rollback.sql"
)

# Every script that the two documents name.
NAMED = {
    *("migrate:status", "migrate:verify", "migrate:up", "migrate:to", "migrate:down", "migrate:create"),
    *("migrate:schema", "migrate:schema:phase1", "migrate:schema:phase2", "migrate:schema:dry-run"),
    *("migrate:schema:stats", "migrate:schema:rollback", "verify:schema", "verify:schema:info"),
    *("test:performance", "test:integration", "analyze:performance"),
}


def task_of(script: str) -> str:
    """Our command, without options that only a row has, for an npm script."""
    ours = next(ours for old, ours in ROWS if re.search(rf"npm run {re.escape(script)}( |$)", old))
    return ours.partition("invoke ")[2].split()[0]


def test_the_table_has_every_script() -> None:
    assert set(SCRIPTS) == NAMED


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_name_of_a_script_leads_to_our_command(tmp_path: Path, script: str) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    names = [script, script.replace(":", ".")]
    for name in names if names[1] != task_of(script) else names[:1]:
        done = project.run(name).expect(2, "nothing was changed")
        assert re.search(rf"or type: memsql {re.escape(task_of(script))}( |$)", done.err, re.MULTILINE), done.err
    assert not project.db.exists()


@pytest.mark.server
@pytest.mark.timeout(600)
def test_our_commands_run_in_the_order_of_the_table(tmp_path: Path, empty_server: Running) -> None:
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "tasks.py", tmp_path)
    (tmp_path / "setup.cfg").write_text(
        "[memsql]\n[memsql:staging]\ndatabase = staging.db\n[memsql:production]\ndatabase = production.db\n"
    )
    for name, era in (("memory", "1.2"), ("staging", "1.3"), ("production", "1.3")):
        build(tmp_path / f"{name}.db", era, "tiny", seed=5)
    servers.load(tmp_path / "memory.db", empty_server.url)
    for old, ours in ROWS:
        # The tests of memsql itself are running already.
        line = "invoke --help test" if ours == "invoke test" else ours.replace(EXAMPLE_URL, empty_server.url)
        if ours.startswith("invoke migrate.create "):
            # What migrate.create wrote is for people to fill.
            line += f" && {FILL.replace('NAME', ours.split()[-1])} && invoke migrate.sum"
        done = shell.run(line, cwd=tmp_path, environment={})
        assert done.code == 0, f"{old}\n{line}\n{done.out}{done.err}"


@pytest.mark.parametrize("old", [old for old, _ in ROWS if "npm run" in old and "TURSO_URL" not in old])
def test_what_npm_passes_on_reaches_our_command(tmp_path: Path, old: str) -> None:
    """The words behind the script stay on the command line that is proposed."""
    project = Project(tmp_path)
    script, *words = shlex.split(old.partition("npm run ")[2])
    done = project.run(script, *words).expect(2)
    assert done.err.rstrip().endswith(shlex.join(words))
