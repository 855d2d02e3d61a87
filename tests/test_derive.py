"""migrate.create --from: every edit of a schema becomes a pair that goes there and back without losing a row."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli import LEDGER, Project
from schema_edits import EDITS, ROWS, SCHEMA, Edit

DOWN = "".join(f"DROP VIEW {v};\n" for v in ("active_posts", "active")) + "".join(
    f"DROP TABLE {t};\n" for t in ("docs", "posts_fts", "posts", "users", "audit", "tree", "egg", "hen", "kv", "plain", "firm",
                                   "areas", '"odd table"'))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The schema, applied, with rows."""
    project = Project(tmp_path_factory.mktemp("before"))
    project.add("0001_base", f"-- The base\n{SCHEMA}", DOWN)
    project.run("schema.dump", "--write", "migrate.up").expect(0)
    project.script(ROWS)
    return project


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that is the user's own, as columns and values, in the order of the rowid."""
    found = {}
    with closing(sqlite3.connect(path)) as conn:
        conn.row_factory = sqlite3.Row
        for name, wr in conn.execute("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')").fetchall():
            if name in LEDGER or name.startswith("sqlite_"):
                continue
            quoted = '"' + name.replace('"', '""') + '"'
            rowid = "" if wr else "rowid AS _rowid, "
            found[name] = [dict(r) for r in conn.execute(f"SELECT {rowid}* FROM {quoted} ORDER BY 1")]
    return found


def sequence(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as conn:
        return dict(conn.execute("SELECT name, seq FROM sqlite_sequence WHERE name = 'users'").fetchall())


def without(found: dict[str, list[dict[str, Any]]], lost: frozenset[tuple[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """``found`` but for the columns and tables in ``lost``."""
    return {name: [{c: v for c, v in row.items() if (name, c) not in lost} for row in some] for name, some in found.items() if (name, "") not in lost}


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: e.name)
def test_an_edit_goes_there_and_back(before: Project, tmp_path: Path, edit: Edit) -> None:
    project = before.copy(tmp_path)
    old, old_sequence = rows(project.db), sequence(project.db)
    snapshot = project.root / "sql" / "schema.sql"
    snapshot.write_text(edit.apply(), encoding="utf-8")
    made = project.run("migrate.create", edit.name, "--from", "sql/schema.sql", "migrate.up", "--allow-data-loss",
                       "schema.dump", "--check", "schema.diff", "--check", "verify").expect(0, "proven: up, down and up again", "no difference")
    text = project.up_file(f"0002_{edit.name}").read_text(encoding="utf-8")
    assert set(re.findall(r'^DROP TABLE "?(.*?)"?;\nALTER TABLE', text, re.M)) == edit.rebuilt, text
    for part in edit.text:
        assert part in text, text
    assert ("-- foreign_keys: off" in text) == bool(edit.rebuilt - {"docs"}), text
    assert "renamed from" not in snapshot.read_text(encoding="utf-8") + text
    assert ("will refuse this" in made.out) == ("warning:" in made.out)
    kept = without(rows(project.db), edit.lost)
    assert sum(map(len, kept.values())) >= sum(map(len, without(old, edit.lost).values()))
    project.run("migrate.down", "--allow-data-loss", "schema.diff", "--from", "database", "--to", str(before.root / "sql" / "schema.sql"), "--check").expect(0)
    assert without(rows(project.db), edit.lost) == without(old, edit.lost)
    if "autoincrement" not in edit.name:
        assert sequence(project.db) == old_sequence
