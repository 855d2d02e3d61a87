"""What a migration does to the structure of a database in memory, without the rest of the proof."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing

from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.analysis import analyse
from memsql.engine.job import Job
from memsql.engine.structure import proof
from memsql.engine.structure.cache import StructureCache
from memsql.engine.structure.proof import Structure
from memsql.lint import lint_text
from memsql.lint.memory import MemoryDatabase
from memsql.lint.step import Step
from memsql.lint.trial import World
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import parse_migration_header, split


def up_job(text: str, name: str = "0002_change") -> Job:
    """The up ``text`` as a job."""
    file = SqlFile(f"migrations/{name}.sql", f"{name}.sql", text.encode())
    migration = Migration(int(name[:4]), name[5:], name, file, None)
    return Job(migration, "up", file, parse_migration_header(text, file.path), analyse(file))


def structure_after(
    base: str, change: str, *, prepare: Callable[[SQLiteConnection], None] = lambda _: None, keys: str = "on"
) -> Structure:
    """What the migration ``change`` does to the database that ``base`` made. ``prepare`` runs before ``base``."""
    with closing(memory()) as conn:
        prepare(conn)
        conn.raw.executescript(base)
        conn.execute(f"PRAGMA foreign_keys = {keys}")
        return run(conn, StructureCache(conn), up_job(change))


def forgotten(base: str, change: str) -> list[str]:
    """What lint says the migration ``change`` forgets of the indexes and triggers that ``base`` made."""
    with closing(MemoryDatabase()) as database:
        exact = database.advance(map(Step, split(base)))
        before = World.whole(database, exact=exact).catalogue
    findings = lint_text(change, "migrations/0002_change.sql", before)
    return [f.message for f in findings if f.rule == "MS11" and re.search(" forgets (index|trigger) ", f.message)]


def run(conn: SQLiteConnection, cache: StructureCache, job: Job) -> Structure:
    """Run ``job`` on ``conn`` and look at the structure around it."""
    before = proof.begin(cache, job)
    conn.begin()
    with conn.observe() as touched:
        conn.script(job.file.text())
    assert touched is not None
    cache.note(touched)
    structure = proof.findings(conn, cache, job, before)
    conn.commit()
    return structure
