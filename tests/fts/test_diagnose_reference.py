"""The reference database's full-text triggers: the shipped mistake is found, and migration 3 mends it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import eras
import pytest
from indexed import INDEX, TABLE, make, right
from reference import connect as connect_reference
from reference import migrate
from reference_project import memsql
from trigger_writes import FAST, look, stays_right


def test_the_baseline_as_shipped_is_found_and_the_repair_is_right(tmp_path: Path) -> None:
    path = eras.build(tmp_path / "a.db", "1.3", "small")
    status = memsql(path, "fts.status")
    assert status.returncode == 0
    for table in ("memories", "entities"):
        assert f"error FTS02: trigger {table}_fts_delete runs DELETE FROM {table}_fts" in status.stdout
        assert (
            f"    DROP TRIGGER {table}_fts_update;\n    CREATE TRIGGER {table}_fts_update AFTER UPDATE ON {table} BEGIN"
            in status.stdout
        )
        assert f"trigger {table}_fts_insert" not in status.stdout
    assert "`-- fts_rebuild: entities_fts memories_fts`" in status.stdout
    report = json.loads(memsql(path, "fts.status", "--json").stdout)
    fixes = [f["fix"] for t in report["tables"] for f in t["findings"]]
    assert len(fixes) == 4
    with closing(sqlite3.connect(path)) as db:
        for fix in fixes:
            db.executescript(FAST + fix)
        db.executescript(
            "INSERT INTO memories_fts(memories_fts) VALUES ('rebuild'); "
            "INSERT INTO entities_fts(entities_fts) VALUES ('rebuild');"
        )
        db.executescript(
            "UPDATE memories SET title = 'new', tags = NULL WHERE id % 3 = 0; DELETE FROM entities WHERE id % 4 = 0;"
            "UPDATE entities SET notes = 'note' || id; DELETE FROM memories WHERE id % 5 = 1;"
        )
    assert memsql(path, "fts.status", "--check").returncode == 0
    assert memsql(path, "fts.check").returncode == 0


@pytest.mark.parametrize(("last", "codes"), [(1, ["FTS02"] * 4), (2, ["FTS02"] * 4), (3, []), (4, [])])
def test_migration_3_mends_what_migration_1_shipped(tmp_path: Path, last: int, codes: list[str]) -> None:
    path = tmp_path / "a.db"
    with closing(connect_reference(path)) as con:
        migrate(con, 1, last)
    assert [f.code for f in look(path)] == codes


def test_right_triggers_of_our_own_are_no_finding(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", TABLE + INDEX)
    make(path, right(path))
    assert look(path) == []
    assert stays_right(path)
