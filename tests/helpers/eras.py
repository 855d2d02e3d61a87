"""Real SQLite files of every era of the reference database, and proof that none of their rows was lost.

``build`` makes a file of one era (DOMAIN section 3) from its shape in ``sql/legacy/`` and fills it with
seeded random data. ``content_hash``, ``row_counts`` and ``lost`` compare a file before and after an upgrade.

What DOMAIN's figures count, worked out from "1.2: 9 tables, 23 indexes; after phase 1: 8 tables, 13 indexes":

* tables: ordinary tables with ``schema_version``, plus each FTS5 table once. Not the shadow tables of FTS5,
  ``sqlite_sequence`` or any ledger. 1.2 has users, entities, memories, interactions, api_usage_tracking,
  learned_patterns and schema_version (7) and two FTS5 tables (9); phase 1 takes learned_patterns away (8).
* indexes: those made by CREATE INDEX. Not the automatic ones behind PRIMARY KEY and UNIQUE.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import random
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from era_rows import Row, Source
from places import ROOT

SHAPES = ROOT / "sql" / "legacy"

ERAS = ("1.0", "1.1", "1.2", "1.2_phase1", "1.2_phase2", "1.3", "2.0_npm")

# (tables, indexes) of the undrifted era. DOMAIN states 1.0's indexes and both of 1.1, 1.2 and 1.2_phase1.
COUNTS = {
    "1.0": (8, 15),
    "1.1": (9, 18),
    "1.2": (9, 23),
    "1.2_phase1": (8, 13),
    "1.2_phase2": (8, 13),
    "1.3": (8, 10),
    "2.0_npm": (8, 12),
}

# Every drift of DOMAIN section 3 and of issue 2, as keyword arguments of ``build``.
DRIFTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("1.0", {"learned_patterns_rows": True, "orphans": True}),
    ("1.1", {"learned_patterns_rows": True, "extra_columns": True}),
    ("1.2", {"no_entities_fts": True}),
    ("1.2", {"both_api_keys": True}),
    ("1.2", {"extra_columns": True}),
    ("1.2", {"learned_patterns_rows": True}),
    ("1.2", {"orphans": True}),
    (
        "1.2",
        {
            "no_entities_fts": True,
            "both_api_keys": True,
            "extra_columns": True,
            "learned_patterns_rows": True,
            "orphans": True,
        },
    ),
    ("1.2_phase1", {"no_entities_fts": True, "both_api_keys": True, "orphans": True}),
    ("1.2_phase2", {"no_entities_fts": True, "both_api_keys": True, "extra_columns": True}),
    ("1.3", {"extra_columns": True, "orphans": True}),
    ("2.0_npm", {"npm_statuses": {2: "rolled_back"}}),
    ("2.0_npm", {"npm_statuses": {2: "failed"}, "orphans": True}),
    ("2.0_npm", {"npm_statuses": {1: "failed"}, "extra_columns": True}),
)

# What the legacy upgrades rename: the data must be found again under the new name.
RENAMED_TABLES = {"learned_patterns": "learned_patterns_retired"}
RENAMED_COLUMNS = {("users", "api_key"): "api_key_hash"}

NPM_MIGRATIONS = (
    (1, "baseline", "Schema of release 1.3.5"),
    (2, "add_missing_indices", "Add missing indices for entity and memory listings"),
)
NPM_INDEXES = ("idx_entities_user_created", "idx_memories_user_updated")

_SHADOWS = ("_data", "_idx", "_content", "_docsize", "_config")


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows a fixture has; ``long_texts`` is the number of 1 MB texts in each text-heavy table."""

    users: int
    entities: int
    memories: int
    interactions: int
    usage: int
    long_texts: int
    full_embeddings: int


SIZES = {
    "empty": Size(0, 0, 0, 0, 0, 0, 0),
    "tiny": Size(3, 12, 40, 12, 12, 0, 2),
    "small": Size(10, 100, 1_000, 200, 300, 1, 5),
    "large": Size(200, 5_000, 50_000, 10_000, 20_000, 2, 300),
}

kept: Path | None = None
"""Where files that were made once are kept for the next test that wants the same; conftest.py sets it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a database differs from its era: DOMAIN's drifts.

    ``npm_statuses`` maps a version to the status of its ledger row; an unapplied version 2 has no indexes. Unless
    ``clean_fts`` is set, rows have been updated and deleted under the shipped triggers, so that the full-text indexes
    hold stale tokens as in real life.
    """

    no_entities_fts: bool = False
    both_api_keys: bool = False
    extra_columns: bool = False
    learned_patterns_rows: bool = False
    orphans: bool = False
    npm_statuses: Mapping[int, str] | None = None
    clean_fts: bool = False

    def check(self, era: str) -> None:
        """Raise ValueError where a database of ``era`` cannot differ so."""
        if self.learned_patterns_rows and era not in ("1.0", "1.1", "1.2"):
            raise ValueError(f"era {era} has no learned_patterns")
        if self.both_api_keys and era not in ("1.0", "1.1", "1.2", "1.2_phase1", "1.2_phase2"):
            raise ValueError(f"era {era} has one API key column")
        if self.npm_statuses and era != "2.0_npm":
            raise ValueError(f"era {era} has no ledger")


AS_RELEASED = Drift()


def build(path: Path, era: str, size: str = "small", *, seed: int = 0, **drift: Any) -> Path:
    """Make the SQLite file ``path`` what ``draw`` would make of it, with ``drift`` as a Drift, and return ``path``.

    A file with rows is drawn once for all tests that want it. Raises ValueError where ``path`` exists.
    """
    if path.exists():
        raise ValueError(f"{path} exists")
    if kept is None or size == "empty":
        return draw(path, era, size, seed=seed, drift=Drift(**drift))
    options = hashlib.sha256(repr((era, size, seed, sorted(drift.items()))).encode()).hexdigest()
    drawn = kept / f"{options}.db"
    if not drawn.exists():
        # Another process may be at it; whoever is last replaces it by the same.
        part = kept / f"{options}.{os.getpid()}"
        part.unlink(missing_ok=True)
        draw(part, era, size, seed=seed, drift=Drift(**drift)).replace(drawn)
    shutil.copyfile(drawn, path)
    return path


def draw(path: Path, era: str, size: str = "small", *, seed: int = 0, drift: Drift = AS_RELEASED) -> Path:
    """Make the new SQLite file ``path`` a database of ``era`` and return ``path``.

    ``size`` is a key of SIZES; the same ``seed`` gives the same content. Raises ValueError for a drift that the era
    cannot have.
    """
    drift.check(era)
    rng = random.Random(f"{seed} {era} {size}")
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = OFF")
        con.execute("PRAGMA journal_mode = MEMORY")
        con.execute("PRAGMA foreign_keys = ON")
        con.executescript((SHAPES / f"{era}.sql").read_text(encoding="utf-8"))
        _drift_shape(con, drift)
        con.execute("BEGIN")
        con.execute("INSERT INTO schema_version (version, applied_at) VALUES (1, '2023-04-05T06:07:08Z')")
        source = Source(rng, SIZES[size].users)
        _fill(con, source, SIZES[size], drift.learned_patterns_rows)
        if not drift.clean_fts:
            _wear_out(con, rng)
        if era == "2.0_npm":
            _npm_ledger(con, drift.npm_statuses or {})
        con.execute("COMMIT")
        if drift.orphans:
            _add_orphans(con, source)
    return path


def _drift_shape(con: sqlite3.Connection, drift: Drift) -> None:
    if drift.no_entities_fts:
        for event in ("insert", "delete", "update"):
            con.execute(f"DROP TRIGGER entities_fts_{event}")
        con.execute("DROP TABLE entities_fts")
    if drift.both_api_keys:
        missing = {"api_key", "api_key_hash"} - set(_columns(con, "users"))
        con.execute(f"ALTER TABLE users ADD COLUMN {missing.pop()} TEXT")
    if drift.extra_columns:
        con.execute("ALTER TABLE users ADD COLUMN phone_verified TEXT")
        con.execute("ALTER TABLE memories ADD COLUMN source_url TEXT")
        con.execute('ALTER TABLE interactions ADD COLUMN "client version" TEXT')


def _fill(con: sqlite3.Connection, source: Source, size: Size, patterns: bool) -> None:
    _insert(con, "users", (source.user(n) for n in range(1, size.users + 1)))
    _insert(con, "entities", (source.entity(n < size.long_texts) for n in range(size.entities)))
    _insert(
        con,
        "memories",
        (source.memory(n < size.long_texts, 1536 if n < size.full_embeddings else None) for n in range(size.memories)),
    )
    _insert(con, "interactions", (source.interaction(n < size.long_texts) for n in range(size.interactions)))
    if _columns(con, "api_usage_tracking"):
        _insert(con, "api_usage_tracking", (source.usage(n) for n in range(size.usage)))
    if patterns:
        _insert(con, "learned_patterns", (source.pattern() for _ in range(7)))


def _insert(con: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Insert rows; a column the shape lacks is left out, one only a drifted shape has gets text or NULL."""
    columns = _columns(con, table)
    filler = random.Random(f"{table} {columns}")

    def value(row: Row, name: str) -> object:
        if name in row:
            return row[name]
        return None if filler.random() < 0.3 else f"{name} {filler.randrange(10**6)} 🧭 'x' \"y\""

    names = [name for name in columns if name != "id" or table in ("users", "api_usage_tracking")]
    quoted = ", ".join(f'"{name}"' for name in names)
    con.executemany(
        f"INSERT INTO {table} ({quoted}) VALUES ({', '.join('?' * len(names))})",
        ([value(row, name) for name in names] for row in rows),
    )


def _wear_out(con: sqlite3.Connection, rng: random.Random) -> None:
    """Update and delete rows as an application would: the shipped triggers leave the old tokens behind."""
    for table, column in (("memories", "content"), ("entities", "notes")):
        ids = [row[0] for row in con.execute(f"SELECT id FROM {table} ORDER BY id")]
        # The first rows hold the 1 MB texts; they stay as they are.
        picked = rng.sample(ids[5:], min(len(ids) // 20, 40)) if len(ids) > 5 else []
        for number, row_id in enumerate(picked):
            if number % 3 == 0:
                con.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))
            else:
                con.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (f"rewritten {row_id}", row_id))


def _npm_ledger(con: sqlite3.Connection, statuses: Mapping[int, str]) -> None:
    for version, name, description in NPM_MIGRATIONS:
        checksum = hashlib.sha256(f"{version}:{name}:{description}".encode()).hexdigest()
        status = statuses.get(version, "applied")
        applied_at = f"2024-11-0{version}T10:20:30.000Z"
        con.execute(
            "INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (version, name, description, applied_at, "npm", 40 + version, checksum, status),
        )
    if statuses.get(2, "applied") != "applied":
        for index in NPM_INDEXES:
            con.execute(f"DROP INDEX {index}")


def _add_orphans(con: sqlite3.Connection, source: Source) -> None:
    con.execute("PRAGMA foreign_keys = OFF")
    con.execute("BEGIN")
    owner = {"user_id": "user-gone"}
    _insert(con, "entities", (source.entity(False) | owner for _ in range(2)))
    _insert(con, "memories", (source.memory(False) | owner for _ in range(3)))
    _insert(con, "interactions", (source.interaction(False) | owner for _ in range(4)))
    if _columns(con, "api_usage_tracking"):
        _insert(con, "api_usage_tracking", (source.usage(n) | owner for n in range(10**6, 10**6 + 5)))
    con.execute("COMMIT")


def _columns(con: sqlite3.Connection, table: str) -> list[str]:
    return [row[0] for row in con.execute("SELECT name FROM pragma_table_info(?)", (table,))]


# ---- comparing a file before and after


def _virtual(con: sqlite3.Connection) -> set[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
    return {row[0] for row in con.execute(sql)}


def _is_ledger(name: str) -> bool:
    return name == "schema_migrations" or name.startswith(("memsql_", "_yoyo_", "yoyo_"))


def user_tables(con: sqlite3.Connection) -> list[str]:
    """Names of the ordinary tables: no FTS5 table or shadow, no ledger, nothing of SQLite's own."""
    virtual = _virtual(con)
    hidden = virtual | {name + suffix for name in virtual for suffix in _SHADOWS}
    names = [row[0] for row in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [n for n in names if n not in hidden and not n.startswith("sqlite_") and not _is_ledger(n)]


def counted(con: sqlite3.Connection) -> tuple[int, int]:
    """Number of tables and of indexes as DOMAIN counts them (see the head of this module)."""
    indexes = con.execute("SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    return len(user_tables(con)) + len(_virtual(con)), sum(not _is_ledger(row[0]) for row in indexes)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


def row_counts(path: Path) -> dict[str, int]:
    """Rows of every ordinary table of the SQLite file ``path``."""
    with closing(_read_only(path)) as con:
        return {t: int(con.execute(f'SELECT COUNT(*) FROM "{t}"').fetchone()[0]) for t in user_tables(con)}


# Invalid UTF-8 counts too, and text never equals a blob.
_TEXT = partial(str, encoding="utf-8", errors="surrogateescape")


def content_hash(path: Path) -> dict[str, dict[str, str]]:
    """SHA-256 over storage class and value of every column of every ordinary table, in primary key order."""
    with closing(_read_only(path)) as con:
        tables = {table: _columns(con, table) for table in user_tables(con)}
        con.text_factory = _TEXT
        return {table: _hash_table(con, table, columns) for table, columns in tables.items()}


def _hash_table(con: sqlite3.Connection, table: str, columns: list[str]) -> dict[str, str]:
    keys = con.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,)).fetchall()
    order = ", ".join([f'"{row[0]}"' for row in keys] + ["rowid"])
    picked = ", ".join(f'"{column}"' for column in columns)
    digests = [hashlib.sha256() for _ in columns]
    cursor = con.execute(f'SELECT {picked} FROM "{table}" ORDER BY {order}')
    while chunk := cursor.fetchmany(2_000):
        for digest, values in zip(digests, zip(*chunk, strict=True), strict=True):
            # It tells the types apart: 1, 1.0, '1' and b'1'. Later versions depend on who else refers to a value.
            digest.update(marshal.dumps(values, 2))
    return {column: digest.hexdigest() for column, digest in zip(columns, digests, strict=True)}


def lost(
    before: dict[str, dict[str, str]],
    after: dict[str, dict[str, str]],
    *,
    filled: Iterable[tuple[str, str]] = (),
) -> list[str]:
    """Columns of ``before`` (a content_hash) whose values ``after`` does not have, as ``table.column``.

    A renamed table or column is looked for under its new name. An empty learned_patterns may go.
    ``filled`` names columns whose gaps an upgrade fills, such as ("users", "api_key_hash").
    """
    empty = hashlib.sha256().hexdigest()
    skipped = set(filled)
    problems = []
    for table, columns in before.items():
        columns_now = after.get(table, after.get(RENAMED_TABLES.get(table, "")))
        if columns_now is None:
            if table not in RENAMED_TABLES or set(columns.values()) != {empty}:
                problems.append(table)
            continue
        for column, digest in columns.items():
            if (table, column) in skipped:
                continue
            now = columns_now.get(column) or columns_now.get(RENAMED_COLUMNS.get((table, column), ""))
            if now != digest:
                problems.append(f"{table}.{column}")
    return problems


CASES: list[tuple[str, dict[str, Any]]] = [(era, {}) for era in ERAS] + list(DRIFTS)
NAMES = [era + "".join(f"-{k}" for k in drift) for era, drift in CASES]
