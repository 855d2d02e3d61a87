"""Kinds of changes that are easily derived wrongly: each is derived and proven, or refused with what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli import Project

from memsql import config
from memsql.author.derive import Draft, draft
from memsql.errors import FileError


@dataclass(frozen=True)
class Kind:
    """A schema before and after a change; ``up`` and ``down`` stand in the files, ``notes`` in what is said."""

    name: str
    before: str
    after: str
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str | None = None
    rows: int | None = None


def derive(folder: Path, before: str, after: str, reason: str | None = None) -> Draft:
    project = Project(folder)
    project.add("0001_base", before)
    (folder / "sql").mkdir()
    (folder / "sql" / "schema.sql").write_text(after, encoding="utf-8")
    settings = config.load(project=str(folder), env=None, database=None)
    return draft(settings, "next", "sql/schema.sql", reason=reason)


BOOK = "CREATE TABLE book (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, isbn TEXT NOT NULL UNIQUE);\n"
KINDS = [
    Kind(
        "a CHECK names its table",
        """CREATE TABLE m (id INTEGER PRIMARY KEY, age INTEGER, CHECK (main.m.age > 21 AND "M"."id" <> 0));""",
        """CREATE TABLE m (id INTEGER PRIMARY KEY, age INT DEFAULT 22, CHECK (main.m.age > 21 AND "M"."id" <> 0));""",
        up=('CHECK (main.new_m.age > 21 AND new_m."id" <> 0)',),
        down=('CHECK (main.new_m.age > 21 AND new_m."id" <> 0)',),
    ),
    Kind(
        "a renamed table has a CHECK that names it",
        "CREATE TABLE m (id INTEGER PRIMARY KEY, age INTEGER CHECK (m.age > 21));",
        "-- renamed from: m\nCREATE TABLE p (id INTEGER PRIMARY KEY, age INTEGER DEFAULT 40 CHECK (p.age > 21));",
        up=("ALTER TABLE m RENAME TO p;", "CHECK (new_p.age > 21)"),
    ),
    Kind(
        "a key points at another unique column",
        BOOK + "CREATE TABLE loan (id INTEGER PRIMARY KEY, book TEXT NOT NULL REFERENCES book (code));",
        BOOK + "CREATE TABLE loan (id INTEGER PRIMARY KEY, book TEXT NOT NULL REFERENCES book (isbn));",
        rows=50,
    ),
    Kind(
        "a key points at another table",
        BOOK + "CREATE TABLE film (code TEXT PRIMARY KEY);\n"
        "CREATE TABLE loan (id INTEGER PRIMARY KEY, of TEXT NOT NULL REFERENCES book (code));",
        BOOK + "CREATE TABLE film (code TEXT PRIMARY KEY);\n"
        "CREATE TABLE loan (id INTEGER PRIMARY KEY, of TEXT NOT NULL REFERENCES film);",
        rows=75,
    ),
    Kind(
        "the primary key that a key means is another one",
        "CREATE TABLE p (a TEXT NOT NULL UNIQUE, b TEXT NOT NULL, PRIMARY KEY (b));\n"
        "CREATE TABLE c (p TEXT REFERENCES p);",
        "CREATE TABLE p (a TEXT NOT NULL, b TEXT NOT NULL UNIQUE, PRIMARY KEY (a));\n"
        "CREATE TABLE c (p TEXT REFERENCES p);",
        rows=50,
    ),
    Kind(
        "a composite key points at other columns",
        "CREATE TABLE p (a, b, c, d, UNIQUE (a, b), UNIQUE (c, d));\n"
        "CREATE TABLE k (x, y, FOREIGN KEY (x, y) REFERENCES p (a, b));",
        "CREATE TABLE p (a, b, c, d, UNIQUE (a, b), UNIQUE (c, d));\n"
        "CREATE TABLE k (x, y, FOREIGN KEY (y, x) REFERENCES p (c, d));",
    ),
    Kind(
        "a column becomes the rowid",
        "CREATE TABLE e (num INTEGER, body TEXT);",
        "CREATE TABLE e (num INTEGER PRIMARY KEY, body TEXT);",
        up=(
            "-- Fails with a datatype mismatch where num, the key from now on, is NULL",
            "SELECT coalesce(num, 'no number')",
        ),
        notes=("e.num becomes the number of each row",),
        rows=25,
    ),
    Kind(
        "a text becomes the rowid",
        "CREATE TABLE e (num TEXT NOT NULL UNIQUE, body TEXT);",
        "CREATE TABLE e (num INTEGER, body TEXT, PRIMARY KEY (num AUTOINCREMENT));",
        rows=25,
    ),
    Kind(
        "another column becomes the rowid",
        "CREATE TABLE e (id INTEGER PRIMARY KEY, num INTEGER NOT NULL UNIQUE);",
        "CREATE TABLE e (id INTEGER NOT NULL UNIQUE, num INTEGER PRIMARY KEY);",
        rows=25,
    ),
    Kind(
        "a computed column may not be NULL",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, grams INTEGER);",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, grams INTEGER, kilos REAL AS (grams / 1000.0) NOT NULL);",
        up=("ADD COLUMN kilos",),
        notes=("p.kilos is computed and NOT NULL",),
        rows=25,
    ),
    Kind(
        "a stored computed column may not be NULL",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, w INT, h INT);",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, w INT, h INT, a INT NOT NULL AS (w * h) STORED CHECK (a > 4));",
        rows=25,
    ),
    Kind(
        "a type needs quotes",
        'CREATE TABLE p (id INTEGER PRIMARY KEY, a "my type! (3.2)", b [its "type"], c);',
        'CREATE TABLE p (id INTEGER PRIMARY KEY, a "my type! (3.2)" NOT NULL DEFAULT 0, b "other, type", c "x)");',
        up=('a "my type! (3.2)" NOT NULL',),
        down=('b [its "type"]',),
        rows=25,
    ),
    Kind(
        "a column goes to which another one refers",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE);\n"
        "CREATE TABLE m (t TEXT DEFAULT 'x' REFERENCES t (code));",
        "CREATE TABLE t (id INTEGER PRIMARY KEY);\nCREATE TABLE m (t TEXT DEFAULT 'x');",
        up=("-- allow: data-loss t.code because\n",),
        down=(
            "-- What t refers to in t.code does not come back, so it becomes empty.",
            "-- allow: data-loss m.t because\n",
        ),
        reason="because",
        rows=50,
    ),
    Kind(
        "types that may store another value",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT, b, c BLOB, d INTEGER);",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a REAL, b TEXT, c NUMERIC, d TEXT);",
        up=("-- May lose values of p.a: it is stored as REAL, so that '007' becomes a number", "of p.b", "of p.c"),
        rows=25,
    ),
    Kind(
        "one permit for each loss",
        'CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c);\nCREATE TABLE "q r" (x);',
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a REAL, c AS (id * 2));",
        up=(
            '-- allow: data-loss "q r" nobody reads it\n-- allow: data-loss p.b nobody reads it\n'
            "-- allow: data-loss p.a nobody reads it\n-- allow: data-loss p.c nobody reads it\n--\n",
        ),
        reason="nobody reads it",
    ),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_derived_and_proven(kind: Kind, tmp_path: Path) -> None:
    result = derive(tmp_path, kind.before, kind.after, kind.reason)
    up, down = ((tmp_path / "migrations" / f"0002_next{end}").read_text() for end in (".sql", ".rollback.sql"))
    for part in kind.up:
        assert part in up
    for part in kind.down:
        assert part in down
    for part in kind.notes:
        assert part in "\n".join(result.notes)
    if kind.rows is not None:
        assert sum(count for _, count in result.rows) == kind.rows, result.rows
    assert bool(re.search("allow:", up + down)) == bool(kind.reason)


REFUSED = [
    (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, grams INTEGER, kilos REAL AS (grams / 1000.0) NOT NULL);",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);",
        "p.kilos is computed and NOT NULL, and the way back would have no value for it",
        1,
        "first let kilos go",
    ),
    (
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (a);",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (\n  a,\n  p INTEGER DEFAULT 7 REFERENCES p\n);",
        "c.p is new, and its default 7 refers to no row of p that a migration makes",
        4,
        "leave the DEFAULT out, so that the rows that are there get NULL, or insert that row of p in a migration",
    ),
    (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE);\nCREATE TABLE c (a, p TEXT REFERENCES p (code));",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (a, p TEXT NOT NULL);",
        "c.p refers to p.code, which goes, and is not to be NULL any more",
        2,
        "first drop p.code in a migration of its own",
    ),
    (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE);\n"
        "CREATE TABLE c (a, p TEXT NOT NULL REFERENCES p (code));",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (a, p TEXT NOT NULL);",
        "c.p refers to p.code, which goes, and is NOT NULL",
        2,
        "first make it NULL in a migration of its own, then drop p.code in another",
    ),
]


@pytest.mark.parametrize(("before", "after", "said", "line", "hint"), REFUSED, ids=lambda v: str(v)[:20])
def test_it_is_refused_with_what_to_do(
    before: str, after: str, said: str, line: int, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=re.escape(said)) as raised:
        derive(tmp_path, before, after)
    assert raised.value.where is not None
    assert raised.value.where.line == line
    assert hint in (raised.value.hint or "")
    assert not (tmp_path / "migrations" / "0002_next.sql").exists()


def test_a_default_may_refer_to_a_row_that_a_migration_inserts(tmp_path: Path) -> None:
    before = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (7);\nCREATE TABLE c (a);"
    after = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (a, p INTEGER NOT NULL DEFAULT 7 REFERENCES p);"
    assert derive(tmp_path, before, after).files


def test_a_rename_in_other_letters_is_one_line(tmp_path: Path) -> None:
    after = "-- renamed from: m\nCREATE TABLE M (id INTEGER PRIMARY KEY,\n eMail TEXT -- renamed from: email\n);"
    result = derive(tmp_path, "CREATE TABLE m (id INTEGER PRIMARY KEY, email TEXT);", after)
    assert result.differences == ("~ table m renamed to M", "~ table M: column email renamed to eMail")
