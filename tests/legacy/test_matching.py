"""Which migrations of a project the ledger of another tool is about."""

from __future__ import annotations

import hashlib

import pytest

from memsql.db import Value
from memsql.exchange.ledger_tables import LEDGER_TABLES
from memsql.exchange.ledgers import OtherLedger, Record, State
from memsql.legacy.matching import Match, Origin, match
from memsql.project.files import Migration, SqlFile


def migration(name: str, text: str = "") -> Migration:
    file = SqlFile(f"migrations/{name}.sql", f"{name}.sql", (text or f"-- {name}\n").encode())
    number, _, rest = name.partition("_")
    return Migration(int(number), rest, name, file, None)


THREE = [migration("0001_base"), migration("0002_rows"), migration("0003_more_rows")]


def row(
    version: Value = None,
    file: Value = None,
    name: Value = None,
    *,
    sha256: Value = None,
    journal: Value = None,
    state: State = "applied",
) -> Record:
    return Record(version, file, name, sha256, journal, None, None, None, state)


def matched(
    tool: str, *rows: Record, ordered: list[Migration] = THREE, origins: dict[str, Origin] | None = None
) -> Match:
    table = next(table for table in LEDGER_TABLES if table.word == tool)
    return match(OtherLedger(table, rows), ordered, origins)


def ids(result: Match) -> list[str]:
    assert (result.dirty, result.unmatched, result.gaps, result.heads) == ((), (), (), ())
    return [m.id for m, _ in result.applied]


@pytest.mark.parametrize("version", [2, "2", "0002", "02", "2.0"])
def test_a_number_is_that_of_the_file(version: Value) -> None:
    assert ids(matched("goose", row(1), row(version))) == ["0001_base", "0002_rows"]


@pytest.mark.parametrize(
    "file",
    ["0001_base.sql", "0001_base.js", "0001_base.up.sql", "1_BASE.ts", "db/0001_base.sql", "0001-base", "0001_base"],
)
def test_a_name_with_any_ending(file: str) -> None:
    assert ids(matched("d1", row(file=file))) == ["0001_base"]


def test_a_name_without_number_where_it_is_the_only_one() -> None:
    assert ids(matched("knex", row(file="base.js"))) == ["0001_base"]
    twice = [migration("0001_base"), migration("0002_base")]
    (unmatched,) = matched("knex", row(file="base.js"), ordered=twice).unmatched
    assert unmatched[1] == "may be about 2 files: 0001_base, 0002_base"


def test_the_number_of_another_file_is_no_match() -> None:
    (unmatched,) = matched("d1", row(file="0001_other.sql")).unmatched
    assert unmatched[1] == "is about no file: 0001_base has its number and another name"


@pytest.mark.parametrize("tool", ["flyway", "sqlx"])
def test_a_name_beside_the_number_has_to_be_that_of_the_file(tool: str) -> None:
    assert len(ids(matched(tool, row(1, name="base"), row(2), row(3, name="more  Rows")))) == 3
    (unmatched,) = matched(tool, row(1, name="base"), row(2, name="other")).unmatched
    assert unmatched == (row(2, name="other"), "is about no file: 0002_rows has its number and another name")
    assert unmatched[0].shown == "2 other"
    kept = {"0001_base": Origin("1.1", "V1_1__its_own.sql", "its_own")}
    assert ids(matched(tool, row("1.1", name="its own"), origins=kept)) == ["0001_base"]
    assert matched(tool, row("1.1", name="base"), origins=kept).unmatched


@pytest.mark.parametrize(
    "record",
    [
        row(9),
        row("x"),
        row(b"\0"),
        row(2.5),
        row("9" * 500),
        row(file="0007_x.sql"),
        row(file=b"x"),
        row(file=7),
        row(),
    ],
)
def test_rows_that_fit_no_file(record: Record) -> None:
    result = matched("goose", row(1), record)
    assert [r for r, _ in result.unmatched] == [record]
    assert [m.id for m, _ in result.applied] == ["0001_base"]


def test_gaps_and_dirty_rows() -> None:
    result = matched("sqlx", row(1), row(3), row(2, state="dirty"))
    assert [m.id for m in result.gaps] == ["0002_rows"]
    assert [r.version for r in result.dirty] == [2]
    assert ids(matched("goose", row(1), row(2, state="undone"))) == ["0001_base"]


def test_one_row_says_how_far() -> None:
    assert ids(matched("golang-migrate", row(2))) == ["0001_base", "0002_rows"]
    assert [r.version for r in matched("golang-migrate", row(1), row(2)).heads] == [1, 2]


def test_a_revision_is_a_name_or_a_number() -> None:
    ordered = [migration("0001_ae1027a6acf_base"), migration("0002_rows_1975ea83b712"), migration("0003_123456")]
    for revision, number in (("ae1027a6acf", 1), ("1975ea83b712", 2), ("123456", 3), ("0002", 2)):
        assert len(ids(matched("alembic", row(revision), ordered=ordered))) == number
    assert matched("alembic", row("ae1"), ordered=ordered).unmatched


def test_a_baseline_means_all_before_it() -> None:
    assert ids(matched("flyway", row("2", state="baseline"), row("3"))) == ["0001_base", "0002_rows", "0003_more_rows"]


def test_a_hash_is_that_of_the_file_with_any_line_ends() -> None:
    ordered = [migration("0001_a", "SELECT 1;\nSELECT 2;\n"), migration("0002_b", "SELECT 3;")]
    for text in ("SELECT 1;\nSELECT 2;\n", "SELECT 1;\r\nSELECT 2;\r\n", "\ufeffSELECT 1;\nSELECT 2;\n"):
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert ids(matched("drizzle", row(sha256=digest, journal=5), ordered=ordered)) == ["0001_a"]
    (unmatched,) = matched("drizzle", row(sha256="a" * 64, journal=1704110400000), ordered=ordered).unmatched
    assert unmatched[0].shown == "hash aaaaaaaaaaaa… (generated 2024-01-01 12:00:00)"


def test_of_files_with_one_text_the_time_tells_which() -> None:
    same = {
        f"000{n}_{name}": Origin("", f"{n}.sql", sha256="b" * 64, journal=n) for n, name in ((1, "base"), (2, "rows"))
    }
    result = matched("drizzle", row(sha256="b" * 64, journal=1), row(sha256="b" * 64, journal=2), origins=same)
    assert ids(result) == ["0001_base", "0002_rows"]


def test_sqlx_knows_a_file_by_its_sha384() -> None:
    ordered = [migration("0001_base", "SELECT 1;\n")]
    right, wrong = (hashlib.sha384(text).hexdigest() for text in (b"SELECT 1;\r\n", b"SELECT 2;\n"))
    for digest, rewritten in ((right, []), (wrong, ["0001_base"]), ("00", [])):
        assert [m.id for m in matched("sqlx", row(1, sha256=digest), ordered=ordered).rewritten] == rewritten
    kept = {"0001_base": Origin("1", "1_base.sql", "base", sha256="a" * 64, sha384=wrong)}
    assert not matched("sqlx", row(1, sha256=wrong), ordered=ordered, origins=kept).rewritten
    assert matched("sqlx", row(1, sha256=right), ordered=ordered, origins=kept).rewritten


@pytest.mark.parametrize(("tool", "file"), [("drizzle", None), ("prisma", "0001_base")])
def test_another_text_than_the_tool_ran_is_named(tool: str, file: str | None) -> None:
    kept = {"0001_base": Origin("0001", "0001_base.sql", sha256="b" * 64, journal=5)}
    for digest, rewritten in (("b" * 64, []), ("c" * 64, ["0001_base"]), ("x", [])):
        result = matched(tool, row(file=file, sha256=digest, journal=5), origins=kept)
        assert ids(result) == ["0001_base"]
        assert [m.id for m in result.rewritten] == rewritten


def test_what_an_import_kept_comes_first() -> None:
    origins = {
        "0001_base": Origin("1", "V1__base.sql"),
        "0002_rows": Origin("1.1", "V1.1__rows.sql"),
        "0003_more_rows": Origin("2", "V2__more_rows.sql"),
    }
    assert ids(matched("flyway", row("1"), row("1.1"), origins=origins)) == ["0001_base", "0002_rows"]
    assert len(ids(matched("flyway", row("1"), row("1.1"), row("2"), origins=origins))) == 3
    files = {"0001_base": Origin("", "a-first.sql"), "0002_rows": Origin("", "2024_x/up.sql")}
    assert ids(matched("sql-migrate", row(file="a-first.sql"), row(file="2024_x"), origins=files))[1] == "0002_rows"
    hashed = {"0001_base": Origin("0000", "0000_odd.sql", sha256="b" * 64, journal=1704110400000)}
    assert ids(matched("drizzle", row(sha256="b" * 64), origins=hashed)) == ["0001_base"]
    assert ids(matched("drizzle", row(sha256="c" * 64, journal=1704110400000), origins=hashed)) == ["0001_base"]
