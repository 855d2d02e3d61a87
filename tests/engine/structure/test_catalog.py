"""The catalog follows any statements to the schema that SQLite has, keeps what it was, and works as much as changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsql.db import Touched
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.structure.catalog import Catalog
from memsql.engine.structure.snapshot import Naming, Snapshot, StoredObject, may_refer
from memsql.errors import StatementError
from memsql.sqltext import quote

names = st.sampled_from(["a", "b", "c", "D", '"e e"'])
tables = st.sampled_from(["t1", "T2", "t3", "ft", "v1"])
columns = st.sampled_from(["x", "y", "z"])


def filled(text: str) -> st.SearchStrategy[str]:
    """The ``text`` with names."""
    return st.builds(lambda n, t, u, c: text.format(n=n, t=t, u=u, c=c), names, tables, tables, columns)


statements = st.one_of(
    *map(
        filled,
        [
            "CREATE TABLE {t} (x, y, z)",
            "CREATE TABLE {t} (x INTEGER PRIMARY KEY AUTOINCREMENT, y UNIQUE, z REFERENCES {u} (x) ON DELETE CASCADE)",
            "CREATE TABLE {t} (x TEXT PRIMARY KEY ON CONFLICT REPLACE, y, z) WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS {t} AS SELECT * FROM {u}",
            "CREATE TEMP TABLE {t} (x, y)",
            "CREATE VIRTUAL TABLE {t} USING fts5 (x, y)",
            "CREATE VIRTUAL TABLE {t} USING fts4 (x, y)",
            "CREATE VIRTUAL TABLE {t} USING rtree (x, y, z)",
            "CREATE INDEX {n} ON {t} ({c})",
            "CREATE UNIQUE INDEX {n} ON {t} ({c})",
            "CREATE VIEW {t} AS SELECT {c} FROM {u}",
            "CREATE TEMP VIEW {t} AS SELECT {c} FROM {u}",
            "CREATE TRIGGER {n} AFTER INSERT ON {t} BEGIN INSERT OR IGNORE INTO {u} ({c}) VALUES (1); END",
            "CREATE TRIGGER {n} INSTEAD OF DELETE ON {t} BEGIN DELETE FROM {u}; END",
            "CREATE TEMP TRIGGER {n} AFTER DELETE ON {t} BEGIN DELETE FROM {u}; END",
            "DROP TABLE {t}",
            "DROP TABLE main.{t}",
            "DROP TABLE IF EXISTS {t}",
            "DROP VIEW {t}",
            "DROP INDEX {n}",
            "DROP TRIGGER {n}",
            "ALTER TABLE {t} RENAME TO {u}",
            "ALTER TABLE {t} RENAME COLUMN x TO {c}",
            "ALTER TABLE {t} ADD COLUMN {n}",
            "ALTER TABLE {t} DROP COLUMN {c}",
            "INSERT INTO {t} ({c}) VALUES (1)",
            "INSERT INTO {t} ({t}) VALUES ('automerge=2')",
            "DELETE FROM {t}",
            "ANALYZE",
            "REINDEX",
            "CREATE TABLE {t} (x, x)",
        ],
    )
)
KINDS = ["statement", "drop", "renew", "alter", "ask", "ask", "twice", "again", "savepoint", "rollback", "unnoted"]
START = """
CREATE TABLE t1 (x, y, z UNIQUE); CREATE INDEX a ON t1 (x); CREATE TRIGGER b AFTER INSERT ON t1 BEGIN SELECT 1; END;
CREATE TABLE T2 (x, y REFERENCES t1 (x)); CREATE VIEW v1 AS SELECT x FROM t1;
CREATE TRIGGER c INSTEAD OF DELETE ON v1 BEGIN DELETE FROM t1; END; CREATE INDEX D ON t1 (y);
"""


@st.composite
def drops(draw: st.DrawFn, conn: SQLiteConnection) -> str:
    """DROP of something that is there, or nothing."""
    there = [(kind, name) for kind, name, _, _ in stored(conn) if not str(name).startswith("sqlite_")]
    kind, name = draw(st.sampled_from(there)) if there else ("table", "none")
    return f"DROP {kind} {quote(str(name))}"


@st.composite
def alters(draw: st.DrawFn, conn: SQLiteConnection) -> str:
    """ALTER TABLE of a table that is there, or nothing."""
    there = [name for kind, name, _, _ in stored(conn) if kind == "table" and not str(name).startswith("sqlite_")]
    name = draw(st.sampled_from(there)) if there else "none"
    change = draw(st.sampled_from(["RENAME TO t4", "RENAME x TO w", "ADD COLUMN v", "DROP COLUMN y"]))
    return f"ALTER TABLE {quote(str(name))} {change}"


def stored(conn: SQLiteConnection) -> list[tuple[object, ...]]:
    return conn.raw.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()


def agree(snapshot: Snapshot, rows: Sequence[tuple[object, ...]]) -> None:
    """``snapshot`` answers every question as one of ``rows`` alone does."""
    alone = Snapshot.of_rows([StoredObject(*map(str, row)) for row in rows])
    assert snapshot.rows == alone.rows == rows
    for words in ({"t1"}, {"t2", "ft"}, {"x"}, {"v1", "e e"}):
        assert snapshot.belonging(words) == alone.belonging(words)
        assert same(snapshot.dependents, alone.dependents, words)
        assert snapshot.referring_to(words) == alone.referring_to(words)
    for kind in ("table", "view", "index", "trigger"):
        assert [snapshot.get((kind, o.name.lower())) for o in alone.of(kind)] == alone.of(kind)
    for test in (may_refer, ignores):
        assert snapshot.any(test) == alone.any(test)


def ignores(obj: StoredObject) -> bool:
    return "IGNORE" in obj.sql


def same(one: Naming, other: Naming, words: Iterable[str]) -> bool:
    # ALTER TABLE may write to texts in the midst of others; then the order of what names them is another one.
    return set(one.of(words)) == set(other.of(words)) and set(one.triggers({*words})) == set(other.triggers({*words}))


def run(conn: SQLiteConnection, text: str) -> Touched:
    with conn.observe() as touched:
        assert touched is not None
        with suppress(StatementError):
            conn.execute(text)
    return touched


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_catalog_is_the_schema(data: st.DataObject) -> None:
    with closing(memory()) as conn:
        conn.raw.executescript(START)
        catalog = Catalog(conn)
        conn.begin()
        earlier, everything = [(catalog.snapshot(), stored(conn))], Touched()

        def noted(text: str) -> None:
            touched = run(conn, text)
            everything.add(touched)
            catalog.note(touched)

        marks: list[Snapshot | None] = []
        for kind in data.draw(st.lists(st.sampled_from(KINDS), max_size=30)):
            if kind == "ask":
                earlier.append((catalog.snapshot(), stored(conn)))
                agree(*earlier[-1])
            elif kind == "savepoint":
                marks.append(catalog.mark())
                conn.execute(f"SAVEPOINT s{len(marks)}")
            elif kind == "rollback" and marks:
                conn.execute(f"ROLLBACK TO s{len(marks)}")
                conn.execute(f"RELEASE s{len(marks)}")
                catalog.back_to(marks.pop())
            elif kind == "unnoted":
                catalog.snapshot()
                with suppress(StatementError):
                    conn.execute("CREATE TABLE unnoted (x)")
                agree(catalog.checked(), stored(conn))
            elif kind == "twice":
                # As the proof does it: it runs, is undone, and runs again, and only then it is noted.
                catalog.snapshot()
                text = data.draw(drops(conn))
                conn.execute("SAVEPOINT twice")
                run(conn, text)
                conn.execute("ROLLBACK TO twice")
                catalog.note(run(conn, text))
                conn.execute("RELEASE twice")
            elif kind == "again":
                # What a whole migration reached is noted behind it, also what it made again.
                catalog.note(everything)
            elif kind == "renew":
                texts = {quote(str(name)): str(sql) for _, name, _, sql in stored(conn)}
                noted(text := data.draw(drops(conn)))
                noted(texts.get(text.split(" ", 2)[2], ""))
            else:
                kinds = {"statement": statements, "drop": drops(conn), "alter": alters(conn)}
                noted(data.draw(kinds.get(kind, statements)))
        now = catalog.snapshot()
        agree(now, stored(conn))
        for snapshot, rows in earlier:
            agree(snapshot, rows)
            change = snapshot.change_to(now)
            assert list(change.gone) == [row for row in rows if row not in now.rows]
            assert list(change.new) == [row for row in now.rows if row not in rows]


def reads(size: int) -> int:
    """How many instructions of SQLite's machine it takes to follow a table and its index that are made anew."""
    with closing(memory()) as conn:
        for number in range(size):
            conn.execute(f"CREATE TABLE t{number} (x)")
        catalog = Catalog(conn)
        catalog.snapshot()
        catalog.note(run(conn, "DROP TABLE t3"))
        catalog.note(run(conn, "CREATE TABLE t3 (x, y)"))
        catalog.note(run(conn, "CREATE INDEX i ON t3 (y)"))
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        conn.raw.set_progress_handler(step, 1)
        snapshot = catalog.checked()
        conn.raw.set_progress_handler(None, 0)
        assert [o.name for o in snapshot.belonging(["t3"])] == ["t3", "i"]
        return count


def test_it_reads_what_changed() -> None:
    assert 0 < reads(50) == reads(400)


@pytest.mark.parametrize("create", ["CREATE TABLE t (y)", "CREATE VIEW t AS SELECT 1"])
def test_what_stands_where_another_one_stood_is_noticed(create: str) -> None:
    with closing(memory()) as conn:
        conn.execute("CREATE TABLE a (x)")
        conn.execute("CREATE TABLE t (x)")
        catalog = Catalog(conn)
        before = catalog.snapshot()
        catalog.note(run(conn, "DROP TABLE t"))
        catalog.note(run(conn, create))
        change = before.change_to(catalog.snapshot())
        assert ([o.sql for o in change.gone], [o.sql for o in change.new]) == (["CREATE TABLE t (x)"], [create])


def test_what_is_made_again_as_it_was_hides_nothing_behind_it() -> None:
    with closing(memory()) as conn:
        for name in "abc":
            conn.execute(f"CREATE TABLE {name} (x)")
        catalog = Catalog(conn)
        catalog.snapshot()
        for text in ("DROP TABLE b", "DROP TABLE c", "CREATE TABLE d (x)", "CREATE TABLE c (x)"):
            catalog.note(run(conn, text))
        assert [o.name for o in catalog.snapshot().rows] == ["a", "d", "c"]


def test_what_does_not_agree_is_read_again() -> None:
    with closing(memory()) as conn:
        for name in "abc":
            conn.execute(f"CREATE TABLE {name} (x)")
        catalog = Catalog(conn)
        catalog.snapshot()
        for text in ("DROP TABLE b", "DROP TABLE c", "CREATE TABLE c (y)"):
            conn.execute(text)
        catalog.note(run(conn, "CREATE TABLE d (x)"))
        assert [o.sql for o in catalog.snapshot().rows] == [
            f"CREATE TABLE {name}" for name in ("a (x)", "c (y)", "d (x)")
        ]
