"""Every era, drifted or not, through the real command line: to the newest version, back, and forth again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import eras
import extent
import pytest
from eras import CASES, NAMES
from reference_project import memsql, succeed

pytestmark = pytest.mark.slow


def filled(database: Path) -> frozenset[tuple[str, str]]:
    """Columns that an upgrade may fill where they were NULL."""
    return frozenset({("users", "api_key_hash")}) if _has_both(database) else frozenset()


def _has_both(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as conn:
        names = {row[0] for row in conn.execute("SELECT name FROM pragma_table_info('users')")}
    return {"api_key", "api_key_hash"} <= names


def rows_of_users(database: Path) -> int:
    return eras.row_counts(database)["users"]


# tests/legacy goes most of this way with the others.
@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 7, first=1), ids=extent.some(NAMES, 7, first=1))
def test_up_verify_down_up_keeps_every_row(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    database = tmp_path / "legacy.db"
    eras.build(database, era, "small", seed=7, **drift)
    _round_trip(database)


@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 13), ids=extent.some(NAMES, 13))
def test_empty_databases_too(tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    database = tmp_path / "legacy.db"
    eras.build(database, era, "empty", seed=7, **drift)
    _round_trip(database)


@pytest.mark.skipif(not extent.THOROUGH, reason="fifty thousand memories: invoke test --thorough")
@pytest.mark.parametrize("era", ["1.0", "1.2"])
def test_large_databases_too(tmp_path: Path, era: str) -> None:
    database = tmp_path / "legacy.db"
    eras.build(database, era, "large", seed=7)
    _round_trip(database)


def _round_trip(database: Path) -> None:
    before, counts, allowed = eras.content_hash(database), eras.row_counts(database), filled(database)

    succeed(database, "migrate.up")
    assert eras.lost(before, eras.content_hash(database), filled=allowed) == []
    succeed(database, "verify")
    newest = eras.content_hash(database)

    succeed(database, "migrate.down", "--steps", "3")
    assert eras.content_hash(database) == newest
    assert _states(database) == ["applied", "rolled_back", "rolled_back", "rolled_back"]

    succeed(database, "migrate.up")
    succeed(database, "verify")
    assert eras.content_hash(database) == newest
    assert eras.lost(before, newest, filled=allowed) == []

    if any(counts.values()) and rows_of_users(database):
        succeed(database, "migrate.down", "--steps", "3")
        refused = memsql(database, "migrate.down")
        assert refused.returncode == 6, refused.stdout + refused.stderr
        assert f"table users is dropped with {rows_of_users(database):,} rows" in refused.stderr
        assert eras.content_hash(database) == newest


def _states(database: Path) -> list[str]:
    data = json.loads(succeed(database, "migrate.status", "--json"))
    return [m["state"] for m in data["migrations"]]
