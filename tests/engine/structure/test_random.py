"""Random schemas and random migrations: what the proof calls broken is what an independent look at each view and
trigger alone calls broken afterwards, and did not before."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

import pytest
from structures import run, up_job

from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.structure.cache import StructureCache
from memsql.errors import StatementError

TABLES, VIEWS, TRIGGERS, INDEXES = ("t1", "t2", "t3", "t4"), ("v1", "v2", "v3"), ("g1", "g2", "g3"), ("i1", "i2")
Rows = list[tuple[str, str, str, str]]
Keys = set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chance:
    """Makes up statements, many of which SQLite refuses."""

    random: random.Random

    def table(self) -> str:
        return self.random.choice(TABLES)

    def source(self) -> str:
        return self.random.choice(TABLES + VIEWS)

    def column(self) -> str:
        return self.random.choice("abcdx")

    def create_table(self, name: str) -> str:
        return f"CREATE TABLE {name} ({', '.join(self.random.sample('abcd', self.random.randint(1, 4)))});"

    def create_view(self) -> str:
        source, name = self.source(), self.random.choice(VIEWS)
        query = self.random.choice(
            [
                f"SELECT {self.column()} FROM {source}",
                f"SELECT * FROM {source}",
                f"SELECT a, b FROM {source} JOIN {self.source()} USING ({self.column()})",
                f"SELECT * FROM {source} UNION SELECT * FROM {self.source()}",
                f"SELECT 1 AS a WHERE 1 IN (SELECT * FROM {source})",
            ]
        )
        return f"CREATE VIEW {name}{self.random.choice(['', ' (a, b)'])} AS {query};"

    def create_trigger(self) -> str:
        event = self.random.choice(["INSERT", "UPDATE", "DELETE", f"UPDATE OF {self.column()}"])
        row = "old" if event == "DELETE" else "new"
        body = self.random.choice(
            [
                f"INSERT INTO {self.table()} SELECT * FROM {self.source()}",
                f"UPDATE {self.table()} SET {self.column()} = {row}.{self.column()}",
                f"DELETE FROM {self.table()} WHERE {self.column()} = {row}.{self.column()}",
                f"SELECT {self.column()} FROM {self.source()}",
                f"INSERT INTO {self.table()} (a) VALUES ({row}.{self.column()}) ON CONFLICT (a) DO NOTHING",
            ]
        )
        return f"CREATE TRIGGER {self.random.choice(TRIGGERS)} AFTER {event} ON {self.table()} BEGIN {body}; END;"

    def statement(self) -> str:
        makers: dict[int, Callable[[], str]] = {
            12: lambda: self.create_table(self.table()),
            15: self.create_view,
            16: self.create_trigger,
            13: lambda: f"ALTER TABLE {self.table()} ADD COLUMN {self.column()};",
            7: lambda: f"ALTER TABLE {self.table()} RENAME COLUMN {self.column()} TO {self.column()};",
            6: lambda: f"ALTER TABLE {self.table()} RENAME TO {self.table()};",
            5: lambda: f"ALTER TABLE {self.table()} DROP COLUMN {self.column()};",
            8: lambda: f"DROP TABLE {self.table()};",
            9: lambda: f"DROP VIEW {self.random.choice(VIEWS)};",
            4: lambda: f"DROP TRIGGER {self.random.choice(TRIGGERS)};",
            3: lambda: f"CREATE UNIQUE INDEX {self.random.choice(INDEXES)} ON {self.table()} (a);",
            2: lambda: f"DROP INDEX {self.random.choice(INDEXES)};",
        }
        return self.random.choices(list(makers.values()), list(makers))[0]()


def stored(conn: SQLiteConnection) -> Rows:
    return conn.raw.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()


def broken(rows: Rows) -> Keys:
    """The views and triggers that cannot be used, each tried in a database without other triggers."""
    keys = set()
    for kind, name, table, sql in rows:
        if kind not in ("view", "trigger"):
            continue
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
            for made in ("table", "index", "view"):
                for text in [row[3] for row in rows if row[0] == made]:
                    db.execute(text)
            try:
                if kind == "view":
                    db.execute(f"EXPLAIN SELECT * FROM {name}").fetchall()
                    continue
                db.execute(sql)
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                db.execute(
                    f"EXPLAIN INSERT INTO {table} DEFAULT VALUES"
                    if "AFTER INSERT" in sql
                    else f"EXPLAIN DELETE FROM {table}"
                    if "AFTER DELETE" in sql
                    else f"EXPLAIN UPDATE {table} SET {', '.join(f'{c} = {c}' for c in columns)}"
                ).fetchall()
            except sqlite3.Error:
                keys.add((kind, name))
    return keys


def running(conn: SQLiteConnection, chance: Chance) -> list[str]:
    """Some statements that SQLite does not refuse one after the other."""
    statements = []
    with closing(memory()) as copy:
        conn.copy_to(copy)
        for _ in range(chance.random.randint(1, 3)):
            with suppress(StatementError):
                statement = chance.statement()
                copy.execute(statement)
                statements.append(statement)
    return statements


@pytest.mark.parametrize("seed", range(10))
def test_random_migrations(seed: int) -> None:
    judged = told = 0
    for number in range(40):
        chance = Chance(random.Random(seed * 1000 + number))
        with closing(memory()) as conn:
            cache = StructureCache(conn)
            for name in TABLES[:3]:
                conn.execute(chance.create_table(name))
            for _ in range(chance.random.randint(0, 6)):
                with suppress(StatementError):
                    conn.execute(chance.statement())
            for _ in range(3):
                rows = stored(conn)
                there, before = {(row[0], row[1]) for row in rows}, broken(rows)
                statements = running(conn, chance)
                structure = run(conn, cache, up_job("-- allow: MS11 not the point here\n" + "\n".join(statements)))
                new = broken(stored(conn)) - (there & before)
                problems = {(words[0], words[1]) for words in (p.split(" ") for p in structure.problems)}
                assert problems == new, (rows, statements)
                judged, told = judged + bool(statements), told + bool(new)
    assert told > judged / 10
