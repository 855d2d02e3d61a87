"""The JSON Schemas in docs/json: one for each command, fresh, and true of what the commands print.

Every other test that reads ``--json`` holds what it reads against them too (see Done.json in tests/helpers/cli.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import json_schemas
import pytest
from cli import Project
from places import ROOT

from memsql import startup
from memsql.report.outcome import JSON_VERSION
from memsql.tasks import ns
from memsql.tasks.command_line import MemsqlTask


def test_every_command_that_prints_json_has_a_schema() -> None:
    tasks = {name: ns[name] for name in ns.task_names}
    with_json = {name for name, task in tasks.items() if isinstance(task, MemsqlTask) and "--json" in task.options()}
    assert set(json_schemas.notations()) == with_json


def test_the_schemas_are_fresh() -> None:
    files = json_schemas.files()
    assert {path.name for path in json_schemas.FOLDER.glob("*.schema.json")} == {path.name for path in files}
    stale = [path.name for path, text in files.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "write them anew: python tests/helpers/json_schemas.py"


def test_the_documentation_links_them() -> None:
    assert "(json/)" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_a_schema_refuses_what_is_not_so() -> None:
    good = {"memsql_json": JSON_VERSION, "ok": True, "command": "migrate.sum", "changed": False, "problems": []}
    assert json_schemas.problems(good) == []
    assert json_schemas.problems({**good, "new": 1}) == [], "fields may be added"
    for wrong in ({"changed": 1}, {"problems": [3]}, {"memsql_json": 2}, {"command": "nope"}, {"command": None}):
        assert json_schemas.problems({**good, **wrong}) != [], wrong
    assert json_schemas.problems({key: value for key, value in good.items() if key != "changed"}) != []


def test_an_interruption_before_anything_is_imported_is_said_in_the_same_form() -> None:
    assert json_schemas.problems(json.loads(startup._as_json("Ctrl-C"))) == []


COMMANDS = """migrate.status|migrate.sum|migrate.sum --check|migrate.up --dry-run|migrate.up|migrate.down --dry-run
migrate.down|migrate.to 2|migrate.history|migrate.repair|migrate.test|migrate.permits|migrate.create later
verify|verify --only x|lint|check --for sqlite3.40|schema.dump|schema.dump --write|schema.dump --check|schema.info
schema.stats|schema.diff|schema.diagram|schema.docs|schema.types|backup|backup.list|backup.verify|backup.drill
backup.prune --dry-run|backup.restore --to look.db|fts.status|fts.check|fts.rebuild|fts.optimize|legacy.status
monitor.health|monitor.metrics|monitor.slow|monitor.review|monitor.dashboard|analyze.indexes|analyze.queries
maintain.reindex|maintain.optimize --dry-run|maintain.vacuum --dry-run|maintain.orphans
maintain.schedule|nope|verify --nope|migrate.up --database production|verify --database memry.db|review|smoke|init"""


def test_what_commands_print_is_as_their_schemas_say(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, body TEXT);", "DROP TABLE a;")
    project.add("0002_f", "CREATE VIRTUAL TABLE f USING fts5(body);\nINSERT INTO f VALUES ('x');", "DROP TABLE f;")
    seen = set()
    for words in COMMANDS.replace("\n", "|").split("|"):
        if words == "migrate.up":
            project.run("migrate.sum").expect(0)
        output = project.run(*words.split(), "--json").json()
        seen.add(output["command"])
    assert len(seen) > 40


@pytest.mark.parametrize("text", ["{a: text", "[text", "{a text}", "{a: text} !"])
def test_a_notation_that_is_none_is_a_mistake(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        json_schemas.schema_of("x", text)
