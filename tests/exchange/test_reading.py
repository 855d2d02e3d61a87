"""Files of other tools: what each declaration makes of them."""

from __future__ import annotations

import hashlib

import pytest

from memsql.errors import FileError, UsageError
from memsql.exchange.model import ForeignMigration
from memsql.exchange.reading import read_set
from memsql.exchange.tools import WORDS, all_tools, tool_of


def _read(word: str, **files: str) -> tuple[ForeignMigration, ...]:
    return _read_tree(word, {f"{name}.sql": text for name, text in files.items()})


def _read_tree(word: str, files: dict[str, str]) -> tuple[ForeignMigration, ...]:
    return read_set(tool_of(word), {path: text.encode() for path, text in files.items()}, "there").migrations


def _refused(word: str, files: dict[str, str]) -> str:
    with pytest.raises(FileError) as caught:
        _read_tree(word, files)
    return "\n".join([caught.value.message, *caught.value.details])


def _code(text: str | None) -> str:
    return " ".join((text or "").split())


BOTH_WAYS = {
    "dbmate": "-- migrate:up\nCREATE TABLE a (x);\n\n-- migrate:down\nDROP TABLE a;\n",
    "goose": "-- +goose Up\nCREATE TABLE a (x);\n-- +goose Down\nDROP TABLE a;\n",
    "sql-migrate": "-- +migrate Up\nCREATE TABLE a (x);\n-- +migrate Down\nDROP TABLE a;\n",
}
TREES: dict[str, dict[str, str]] = {
    **{word: {"0007_notes.sql": text} for word, text in BOTH_WAYS.items()},
    "golang-migrate": {"0007_notes.up.sql": "CREATE TABLE a (x);\n", "7_notes.down.sql": "DROP TABLE a;\n"},
    "sqlx": {"0007_notes.up.sql": "CREATE TABLE a (x);\n", "0007_notes.down.sql": "DROP TABLE a;\n"},
    "diesel": {"00-07_notes/up.sql": "CREATE TABLE a (x);\n", "00-07_notes/down.sql": "DROP TABLE a;\n"},
    "flyway": {"V0007__notes.sql": "CREATE TABLE a (x);\n", "U0007__notes.sql": "DROP TABLE a;\n"},
    "prisma": {"0007_notes/migration.sql": "CREATE TABLE a (x);\n", "0007_notes/down.sql": "DROP TABLE a;\n"},
    "yoyo": {"0007_notes.sql": "CREATE TABLE a (x);\n", "0007_notes.rollback.sql": "DROP TABLE a;\n"},
}


@pytest.mark.parametrize("word", sorted(TREES))
def test_both_ways(word: str) -> None:
    (migration,) = _read_tree(word, TREES[word])
    assert (migration.version, migration.name) == ("0007", "notes")
    assert _code(migration.up) == "CREATE TABLE a (x);"
    assert _code(migration.down) == "DROP TABLE a;"


def test_ways_up_alone() -> None:
    journal = '{"entries": [{"tag": "0001_b", "when": 5}, {"tag": "0000_a", "when": 6}]}'
    drizzle = _read_tree("drizzle", {"meta/_journal.json": journal, "0000_a.sql": "A;", "0001_b.sql": "B;"})
    assert [m.path for m in drizzle] == ["0001_b.sql", "0000_a.sql"]
    assert drizzle[0].hashes == ("when=5", f"sha256={hashlib.sha256(b'B;').hexdigest()}")
    d1 = _read("d1", **{"10_b": "B;", "9_a": "A;"})
    assert [(m.version, m.name, m.down) for m in d1] == [("9", "a", None), ("10", "b", None)]


def test_a_breakpoint_ends_a_statement() -> None:
    text = "CREATE TABLE a (x)--> statement-breakpoint\nCREATE TABLE b (x); --> statement-breakpoint\nDROP TABLE a"
    tree = {"meta/_journal.json": '{"entries": [{"tag": "0000_a"}]}', "0000_a.sql": text}
    assert _code(_read_tree("drizzle", tree)[0].up) == "CREATE TABLE a (x); CREATE TABLE b (x); DROP TABLE a;"


@pytest.mark.parametrize("word", ["goose", "migrate"])
@pytest.mark.parametrize(
    ("statement", "ended"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END", "END;"),
        ("CREATE TABLE b (x) -- why", "-- why\n;"),
        ("CREATE TABLE b (x)\n-- why\n", "-- why\n;"),
        ("INSERT INTO b VALUES (1) /* why */", "/* why */;"),
        ("INSERT INTO b VALUES (1);\n-- why", "-- why"),
    ],
)
def test_the_end_of_a_statement_ends_it_without_a_semicolon(word: str, statement: str, ended: str) -> None:
    tool = "goose" if word == "goose" else "sql-migrate"
    begin, end = (f"-- +{word} {mark}\n" for mark in ("StatementBegin", "StatementEnd"))
    up = _read(tool, **{"1_a": f"-- +{word} Up\n{begin}{statement}\n{end}CREATE TABLE z (a);\n"})[0].up
    assert up == f"{statement.rstrip(chr(10))[: -len(ended.rstrip(';').rstrip(chr(10)))]}{ended}\nCREATE TABLE z (a);\n"


def test_a_comment_before_a_breakpoint_does_not_swallow_the_end() -> None:
    text = "CREATE TABLE u (a) -- x\n--> statement-breakpoint\nCREATE TABLE w (b) -- y\n"
    tree = {"meta/_journal.json": '{"entries": [{"tag": "0000_a"}]}', "0000_a.sql": text}
    assert _read_tree("drizzle", tree)[0].up == "CREATE TABLE u (a) -- x\n;\nCREATE TABLE w (b) -- y\n;\n"


def test_blocks_of_dbmate_are_one_up_and_one_down() -> None:
    text = "-- migrate:up\nA;\n-- migrate:down\nB;\n-- migrate:up\nC;\n-- migrate:down\nD;\n"
    foreign = read_set(tool_of("dbmate"), {"1_a.sql": text.encode()}, "there")
    assert (foreign.migrations[0].up, foreign.migrations[0].down) == ("A;\n", "B;\nC;\nD;\n")
    assert [left.what for left in foreign.left_out] == [
        "line 5: dbmate takes a second `-- migrate:up` for a comment",
        "line 7: dbmate takes a second `-- migrate:down` for a comment",
    ]


def test_marks_in_strings_are_values() -> None:
    (migration,) = _read("goose", **{"1_a": "-- +goose Up\nINSERT INTO a VALUES ('\n-- +goose Down\n');\n"})
    assert migration.down is None
    assert "-- +goose Down" in migration.up


def test_a_trigger_between_statement_begin_and_end() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;"
    text = f"-- +goose Up\n-- +goose StatementBegin\n{trigger}\n-- +goose StatementEnd\n"
    assert _read("goose", **{"1_a": text})[0].up == f"{trigger}\n"


def test_comments_before_the_first_mark_stay() -> None:
    assert _read("dbmate", **{"1_a": "-- why it is so\n-- migrate:up\nA;\n"})[0].up == "-- why it is so\nA;\n"


@pytest.mark.parametrize(
    ("word", "text", "ways"),
    [
        ("dbmate", "-- migrate:up transaction:false\nA;\n-- migrate:down\nB;\n", (True, False)),
        ("sql-migrate", "-- +migrate Up\nA;\n-- +migrate Down notransaction\nB;\n", (False, True)),
        ("goose", "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n", (True, True)),
        ("sqlx", "-- no-transaction\nA;\n", (True, True)),
        ("sqlx", "-- no transaction is open here\nA;\n", (False, False)),
    ],
)
def test_without_a_transaction(word: str, text: str, ways: tuple[bool, bool]) -> None:
    assert _read(word, **{"1_a": text})[0].no_transaction == ways


def test_settings_beside_a_migration() -> None:
    tree = {"1_a/up.sql": "VACUUM;", "1_a/metadata.toml": "run_in_transaction = false\n"}
    assert _read_tree("diesel", tree)[0].no_transaction == (True, True)


def test_versions_of_flyway_count_part_by_part() -> None:
    tree = {"V1_10__c.sql": "C;", "sub/V1_9__b.sql": "B;", "V1__a.sql": "A;", "R__views.sql": "D;"}
    foreign = read_set(tool_of("flyway"), {path: text.encode() for path, text in tree.items()}, "there")
    assert [(m.version, m.name) for m in foreign.migrations] == [("1", "a"), ("1.9", "b"), ("1.10", "c")]
    assert [left.path for left in foreign.left_out] == ["R__views.sql"]


def test_yoyo_runs_first_what_others_depend_on() -> None:
    tree = {"a.sql": "-- depends: c\nA;", "b.sql": "B;", "c.sql": "C;"}
    migrations = _read_tree("yoyo", tree)
    assert [(m.path, m.depends) for m in migrations] == [("c.sql", ()), ("a.sql", ("c.sql",)), ("b.sql", ())]


def test_names_of_yoyo_without_what_it_adds() -> None:
    (migration,) = _read("yoyo", **{"20240101_01_aBcDe-users": "A;"})
    assert (migration.version, migration.name) == ("20240101", "users")


def test_a_script_of_alembic() -> None:
    up = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
-- Running upgrade  -> ae1027
CREATE TABLE a (x);
-- Running upgrade ae1027 -> b7
CREATE TABLE b (x);
"""
    down = "-- Running downgrade b7 -> ae1027\nDROP TABLE b;\n-- Running downgrade ae1027 -> \nDROP TABLE a;\n"
    migrations = _read("alembic", up=up, down=down)
    assert [(m.path, m.name, _code(m.up), _code(m.down)) for m in migrations] == [
        ("ae1027", "ae1027", "CREATE TABLE a (x);", "DROP TABLE a;"),
        ("b7", "b7", "CREATE TABLE b (x);", "DROP TABLE b;"),
    ]


def _revisions(*lines: str) -> str:
    return "".join(f"-- Running upgrade {line}\nINSERT INTO a VALUES ('{line}');\n" for line in lines)


def test_revisions_are_in_the_order_in_which_they_follow() -> None:
    migrations = _read("alembic", a=_revisions("3c4d -> 5e6f, from a -> b"), b=_revisions(" -> 1a2b", "1a2b -> 3c4d"))
    assert [m.path for m in migrations] == ["1a2b", "3c4d", "5e6f"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((" -> 1a2b", "1a2b -> 3c4d", "1a2b -> 5e6f"), "up.sql has branches, 3c4d and 5e6f both follow 1a2b"),
        ((" -> 1a2b", " -> 3c4d, other"), "up.sql has branches, 1a2b and 3c4d both begin at the base"),
        ((" -> 1a2b", "1a2b, 9f -> 3c4d"), "up.sql has branches, which 3c4d joins, 1a2b, 9f"),
        (("1a2b -> 3c4d", "3c4d -> 5e6f"), "up.sql begins with 3c4d after 1a2b, and what leads from the base"),
        ((" -> 1a2b", "3c4d -> 5e6f"), "up.sql begins with 5e6f after 3c4d, and what leads from the base"),
        (("3c4d -> 1a2b", "1a2b -> 3c4d"), "what leads from the base to 3c4d is missing"),
    ],
)
def test_revisions_that_are_no_line_are_refused(lines: tuple[str, ...], said: str) -> None:
    """Of a database with the newest revision alone all before it count as applied."""
    assert said in _refused("alembic", {"up.sql": _revisions(*lines)})


@pytest.mark.parametrize(
    ("word", "files", "said"),
    [
        ("goose", {"1_a.sql": BOTH_WAYS["goose"], "2_b.go": "package x"}, "2_b.go is a migration in Go"),
        ("goose", {"1_a.sql": "-- +goose ENVSUB ON\n-- +goose Up\nA;"}, "replaces no variables"),
        ("goose", {"1_a.sql": "CREATE TABLE a (x);"}, "1_a.sql has no line"),
        ("goose", {"1_a.sql": "A;\n-- +goose Up\nB;"}, "has a statement before"),
        ("flyway", {"V1__a.sql": "A;", "V1.0__b.sql": "B;"}, "V1__a.sql has the version of V1.0__b.sql"),
        ("flyway", {"V01_2__a.sql": "A;", "V1.2.0__b.sql": "B;"}, "V1.2.0__b.sql has the version of V01_2__a.sql"),
        ("dbmate", {"1_a.sql": "-- migrate:down\nB;\n-- migrate:up\nA;\n"}, "way back before the way up"),
        ("goose", {"1_a.sql": BOTH_WAYS["goose"], "01_b.sql": BOTH_WAYS["goose"]}, "1_a.sql has the version of 01_b"),
        ("yoyo", {"1_a.py": "step('A')", "2_b.sql": "B;"}, "1_a.py is a migration in Python"),
        ("flyway", {"V1__a.java": "class V1__a", "V2__b.sql": "B;"}, "V1__a.java is a migration that is no SQL"),
        ("flyway", {"V1__a.sql": "INSERT INTO a VALUES ('${name}');"}, "${name}"),
        ("golang-migrate", {"1_a.down.sql": "A;"}, "way back without its migration"),
        ("drizzle", {"0000_a.sql": "A;"}, "meta/_journal.json is not there"),
        ("drizzle", {"meta/_journal.json": '{"entries": [{"tag": "0000_a"}]}'}, "0000_a.sql, which is not there"),
        ("alembic", {"env.py": "", "versions/a.py": ""}, "env.py is a program: let Alembic print SQL"),
        ("d1", {"README.md": ""}, "holds no migration of wrangler"),
        ("prisma", {"migration_lock.toml": 'provider = "postgresql"', "1_a/migration.sql": "A;"}, "for postgresql"),
        ("drizzle", {"meta/_journal.json": '{"dialect": "mysql", "entries": []}'}, "for mysql"),
        ("yoyo", {"a.sql": "-- depends: b\nA;", "b.sql": "-- depends: a\nB;"}, "depends on itself"),
    ],
)
def test_refused_by_name(word: str, files: dict[str, str], said: str) -> None:
    assert said in _refused(word, files)


def test_an_import_names_the_programs_that_it_leaves_out() -> None:
    tree = {"0001_a.sql": b"A;", "0002_b.ts": b"", "down/0002_b.rb": b"", "index.ts": b"", "README.md": b""}
    left_out = read_set(tool_of("d1"), tree, "there").left_out
    assert [path for path, what in left_out if "is no SQL" in what] == ["0002_b.ts", "down/0002_b.rb"]


def test_placeholders_in_comments_are_prose() -> None:
    assert _read("flyway", V1__a="-- as ${name} was\nA;\n")[0].version == "1"


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(FileError) as caught:
        read_set(tool_of("d1"), {"1_a.sql": b"\xff"}, "there")
    assert caught.value.details == ("1_a.sql is not UTF-8: byte 0xff",)


def test_words_for_tools() -> None:
    assert [tool.word for tool in all_tools()] == list(WORDS)
    assert tool_of("Wrangler").word == "d1"
    with pytest.raises(UsageError) as caught:
        tool_of("gosse")
    assert "did you mean goose" in (caught.value.hint or "")
