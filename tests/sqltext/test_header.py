"""Header directives: what is read, what is refused and where, and that yoyo reads the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.errors import FileError, Location
from memsql.sqltext import (
    Allow,
    BrokenPermit,
    CheckHeader,
    Directive,
    Header,
    MigrationHeader,
    Permit,
    parse_check_header,
    parse_header,
    parse_migration_header,
)

ANY = frozenset({"alpha", "beta", "depends", "allow"})


def refusal(text: str, parse: object = parse_migration_header) -> FileError:
    assert callable(parse)
    with pytest.raises(FileError) as caught:
        parse(text, "migrations/0007_x.sql")
    assert caught.value.where is not None
    assert caught.value.where.path == "migrations/0007_x.sql"
    assert caught.value.hint
    return caught.value


def line_of(error: FileError) -> int | None:
    assert error.where is not None
    return error.where.line


def test_a_full_migration_header() -> None:
    text = (
        "-- Rebuild users.\n--\n-- depends: 0001_a 0002_b\n-- More prose: with a colon.\n-- transactional: true\n\n"
        "-- foreign_keys: off\n--depends:0003_c 0001_a\n-- allow: data-loss notes never written to\n"
        '-- allow: MS01\tmeant\n-- fts_rebuild: notes_fts "my ""fts"""\nSELECT 1;\n-- depends: 0009_z\n'
    )
    assert parse_migration_header(text, "x.sql") == MigrationHeader(
        description="Rebuild users.",
        depends=("0001_a", "0002_b", "0003_c"),
        transactional=True,
        foreign_keys=False,
        allows=(Allow("MS01", "meant", 10),),
        fts_rebuild=("notes_fts", 'my "fts"'),
        permits=(Permit("notes", None, "never written to", 9),),
    )
    crlf = text.replace("\n", "\r\n")
    assert parse_migration_header(crlf, "x.sql") == parse_migration_header(text, "x.sql")
    assert parse_migration_header("\ufeff" + text, "x.sql") == parse_migration_header(text, "x.sql")


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", ""),
        ("SELECT 1; -- not here", ""),
        ("-- One\n-- Two\nSELECT 1;", "One"),
        ("\n\n--\n-- -----\n--- One ---\n", "One ---"),
        ("/*\n * One\n * Two\n */\nSELECT 1;", "One"),
        ("/* One */ -- Two\n", "One"),
        ("/* never closed", "never closed"),
        ("-- alpha: x\n-- One: two\n", "One: two"),
        ("-- https://example.org/why\n", "https://example.org/why"),
        ("-- one (see: two)\n-- Alpha: x\n", "one (see: two)"),
        ("-- beta alpha: x\nSELECT 1", "beta alpha: x"),
        ("-- other : x\n", "other : x"),
    ],
)
def test_the_description(text: str, description: str) -> None:
    assert parse_header(text, "x.sql", ANY).description == description


def test_directives_have_values_and_lines() -> None:
    header = parse_header("/* a\n b */\n\n-- alpha:  one  two \r\n--depends : x\n-- depends:\n", "x.sql", ANY)
    assert header == Header(
        "a", (Directive("alpha", "one  two", 4), Directive("depends", "x", 5), Directive("depends", "", 6))
    )
    assert header.get("alpha") == "one  two"
    assert header.get("depends") == "x"
    assert header.get("beta") is None
    assert [directive.line for directive in header.all("depends")] == [5, 6]
    assert header.all("beta") == ()


def test_only_the_leading_comments_count() -> None:
    for text in ("SELECT 1;\n-- alpha: x\n", ";\n-- alpha: x", "/*\n-- alpha: x\n*/", "SELECT '\n-- alpha: x\n'"):
        assert parse_header(text, "x.sql", ANY).directives == ()


def test_an_unknown_directive_is_named_with_its_line() -> None:
    error = refusal("-- Fine\n\n-- dependz: 0001_a\nSELECT 1;")
    assert error.where == Location("migrations/0007_x.sql", 3)
    assert '"dependz"' in error.message
    assert error.hint is not None
    assert 'Did you mean "depends"?' in error.hint
    assert "allow, depends, foreign_keys, fts_rebuild, imported_from, stands_for, transactional" in error.hint


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("depend: 0001_a", "depends"),
        ("depends_on: 0001_a", "depends"),
        ("dependencies: 0001_a", "depends"),
        ("dpeends: 0001_a", "depends"),
        ("depnds : 0001_a", "depends"),
        ("alow: data-loss gone", "allow"),
        ("allowed: data-loss gone", "allow"),
        ("foreign_key: off", "foreign_keys"),
        ("foreign-keys: off", "foreign_keys"),
        ("foreign keys: off", "foreign_keys"),
        ("Foreign_Keys: off", "foreign_keys"),
        ("foriegn_kyes: off", "foreign_keys"),
        ("transaction: false", "transactional"),
        ("transactionl: false", "transactional"),
        ("fts-rebuild: all", "fts_rebuild"),
        ("fts_rebuilds: all", "fts_rebuild"),
    ],
)
def test_a_near_miss_is_no_prose(line: str, meant: str) -> None:
    error = refusal(f"-- A\n-- {line}\nSELECT 1;")
    assert line_of(error) == 2
    assert error.hint is not None
    assert f'Did you mean "{meant}"?' in error.hint


@pytest.mark.parametrize(
    "line",
    [
        "note: teams come first, members later",
        "constraints: none",
        "todo: split the name",
        "author: somebody",
        "requires: release 3",
        "name: add users",
        "why: nobody reads it",
        "plan: first this, then that",
        "allowlist: three hosts",
        "foreign keys: see the next migration",
        "foreign: the shop of the partner",
        "rebuild: the old table has no key",
        "rollback: see the other file",
        "up:",
        "zzz: 1",
        "Depends: q",
        "Allow: NULL as a mail address",
        "https://example.org/depend: x",
        "2026-11-30: first try",
        "the foreign_key: off switch is not needed",
    ],
)
def test_prose_may_have_a_colon(line: str) -> None:
    header = parse_migration_header(f"-- {line}\nSELECT 1;", "x.sql")
    assert header == MigrationHeader(description=line)


@pytest.mark.parametrize("line", ["timeout: 2m", "timeout: 30", "timeuot: 45 s", "time-out: 2m"])
def test_the_timeout_of_a_check_is_none_of_a_migration(line: str) -> None:
    error = refusal(f"-- A\n-- {line}\nSELECT 1;")
    assert line_of(error) == 2
    assert error.hint is not None
    assert "sql/checks" in error.hint
    prose = f"-- {line.partition(':')[0]}: the busy one\nSELECT 1;"
    assert parse_migration_header(prose, "x.sql").description.endswith("the busy one")


def test_a_directive_of_migrations_is_none_of_a_check() -> None:
    for line in ("depends: b", "foreign_keys: off", "sevrity: warning"):
        assert "unknown directive" in refusal(f"-- name: a\n-- {line}\n", parse_check_header).message
    assert parse_check_header("-- name: a\n-- note: b\n-- see: c", "c.sql").name == "a"


@pytest.mark.parametrize("name", ["transactional: true", "foreign_keys: off", "fts_rebuild: all"])
def test_a_second_single_directive_is_refused(name: str) -> None:
    error = refusal(f"-- {name}\n-- x\n-- {name}\nSELECT 1;")
    assert line_of(error) == 3
    assert error.hint is not None
    assert "line 1" in error.hint


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("transactional: no", "true"),
        ("transactional:", "false"),
        ("foreign_keys: 0", "off"),
        ("allow: data-loss", "reason"),
        ("allow:", "reason"),
        ("allow: ?! because", "rule"),
        ("fts_rebuild:", "all"),
    ],
)
def test_a_bad_value_says_what_is_allowed(line: str, wanted: str) -> None:
    error = refusal(f"-- A\n-- {line}\nSELECT 1;")
    assert line_of(error) == 2
    assert line.split(":")[0] in error.message
    assert error.hint is not None
    assert wanted in error.hint


@pytest.mark.parametrize("text", ["/* licence */\n-- depends: a\n", "-- A\n/* b */ -- transactional: false\n"])
def test_what_yoyo_would_miss_is_refused(text: str) -> None:
    assert "yoyo" in refusal(text).message


def test_ours_may_stand_below_a_block_comment() -> None:
    assert not parse_migration_header("/* a */\n-- foreign_keys: OFF\n", "x.sql").foreign_keys
    assert parse_migration_header("-- depends: a\n/* b */\n", "x.sql").depends == ("a",)


@pytest.mark.parametrize(
    ("line", "table", "column"),
    [
        ("notes nobody reads it", "notes", None),
        ("Notes.Author  nobody reads it", "Notes", "Author"),
        ('"my table"."a.b" nobody reads it', "my table", "a.b"),
        ('"say ""x"" now" nobody reads it', 'say "x" now', None),
        ("[a b].`c``d` nobody reads it", "a b", "c`d"),
        ("größe.Ä nobody reads it", "größe", "Ä"),
    ],
)
def test_a_permit_names_a_table_or_a_column(line: str, table: str, column: str | None) -> None:
    header = parse_migration_header(f"-- A\n-- allow: data-loss {line}\nSELECT 1;", "x.sql")
    assert header.permits == (Permit(table, column, "nobody reads it", 2),)
    assert header.allows == ()
    assert header.allows_loss


def test_several_permits_stand_side_by_side() -> None:
    text = "-- A\n-- allow: data-loss a one\n-- allow: data-loss b.c two\n-- allow: broken v three words here\n"
    header = parse_migration_header(text, "x.sql")
    assert header.permits == (Permit("a", None, "one", 2), Permit("b", "c", "two", 3))
    assert header.broken == (BrokenPermit("v", "three words here", 4),)


@pytest.mark.parametrize("line", ["it's gone", "notes", "a.b.c gone", "'notes' gone", "a. gone", "12 rows"])
def test_a_permit_without_a_name_or_a_reason_is_none(line: str) -> None:
    header = parse_migration_header(f"-- A\n-- allow: data-loss {line}\nSELECT 1;", "x.sql")
    assert header.permits == ()
    assert header.allows == (Allow("data-loss", line, 2),)


@pytest.mark.parametrize("line", ["v", "a.b because", "?! because"])
def test_a_permit_for_what_is_broken_names_it_and_says_why(line: str) -> None:
    error = refusal(f"-- A\n-- allow: broken {line}\nSELECT 1;")
    assert line_of(error) == 2
    assert "-- allow: broken" in (error.hint or "")


lines = st.lists(
    st.sampled_from(
        [
            "-- depends: 0001_a 0002_b", "--depends:c", "  -- depends :\td", "-- depends:", "-- transactional: false",
            "--transactional:True", "-- Depends: q", "-- some prose", "", "   ", "--", "--- depends: r", "SELECT 1;",
            "-- foreign_keys: off", ";", "/* block */", "/* open", "-- a -- depends: s", "SELECT 1; -- depends: t",
        ]
    ),
    max_size=6,
)  # fmt: skip


@given(lines, st.sampled_from(["\n", "\r\n"]))
def test_yoyo_reads_the_same(lines: list[str], newline: str) -> None:
    from yoyo.migrations import parse_metadata_from_sql_comments

    text = newline.join(lines)
    theirs, _, _ = parse_metadata_from_sql_comments(text)
    message = ""
    try:
        ours = parse_migration_header(text, "x.sql")
    except FileError as error:
        message = error.message
    if message:
        assert "a second time" in message or "yoyo does not see" in message
        return
    assert set(ours.depends) == set(theirs.get("depends", "").split())
    assert ours.transactional == {"true": True, "false": False}[theirs.get("transactional", "true").lower()]


def test_a_check_header() -> None:
    text = "-- name: no orphans\n-- severity: Warning\n-- why: they break joins: badly\n-- Prose\nSELECT 1"
    assert parse_check_header(text, "c.sql") == CheckHeader("no orphans", "warning", "they break joins: badly", "Prose")
    assert parse_check_header("-- name: n\n", "c.sql") == CheckHeader("n", "error", "", "")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("SELECT 1;", 1, "no name"),
        ("-- A\n-- name:\nSELECT 1", 2, "no name"),
        ("-- name: a\n-- severity: fatal\n", 2, "severity"),
        ("-- name: a\n-- name: b\n", 2, "second time"),
        ("-- name: a\n-- depends: b\n", 2, "depends"),
    ],
)
def test_a_bad_check_header(text: str, line: int, word: str) -> None:
    error = refusal(text, parse_check_header)
    assert line_of(error) == line
    assert word in error.message
