"""Any edit of any schema becomes a proven pair, or is refused with a reason: never a pair that does not hold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import extent
import pytest
import random_schemas
from cli import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsql import config
from memsql.author.derive import Draft, draft
from memsql.errors import FileError
from memsql.schema import diff, from_sql

pytestmark = [pytest.mark.slow, pytest.mark.timeout(extent.number(300, 1800))]

# What a person is told, and rightly: there is no value for the rows that are there, or no way back.
TOLD = (
    "is new and NOT NULL without a default",
    "the way back would have no value",
    "the way back would have nothing",
    "refers to no row of",
)


def derive(seed: int, folder: Path) -> tuple[str, str, Draft]:
    """The pair for a random edit, as files in ``folder``."""
    rng = Random(seed)
    tables = random_schemas.make(rng)
    before, after = random_schemas.text(tables), random_schemas.text(random_schemas.edit(rng, tables))
    if rng.random() < 0.2:
        # As the shell prints it.
        after = f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{after}\nINSERT INTO log VALUES(1);\nCOMMIT;\n"
    project = Project(folder)
    project.add("0001_base", before)
    (folder / "sql").mkdir(exist_ok=True)
    snapshot = folder / "sql" / "schema.sql"
    snapshot.write_text(after, encoding="utf-8")
    return (
        before,
        after,
        draft(config.load(project=str(folder), env=None, database=None), "edit", "sql/schema.sql", seed=seed),
    )


@settings(
    max_examples=extent.number(12, 400),
    derandomize=not extent.THOROUGH,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(0, 10**9))
def test_random_edits_are_proven(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        refused = ""
        try:
            before, after, draft = derive(seed, Path(folder))
        except FileError as e:
            refused = e.message if e.where and e.where.line else f"no line: {e.message}"
        written = (Path(folder) / "migrations" / "0002_edit.sql").is_file()
        if refused:
            assert any(reason in refused for reason in TOLD), refused
            assert not refused.startswith("no line")
            assert not written
        else:
            assert written == bool(draft.files)
            assert written or not diff(from_sql(before), from_sql(after))
