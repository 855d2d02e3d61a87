"""Folders of other migration tools, and files among ours that may be theirs."""

from __future__ import annotations

from memsql.errors import FileError
from memsql.exchange.model import Tool
from memsql.exchange.reading import read_set
from memsql.exchange.recognising import foreign_path, foreign_text, may_be_foreign
from memsql.exchange.tools import all_tools, tool_of
from memsql.exchange.writing import scripts_of
from memsql.sqltext.header import parse_migration_header
from memsql.sqltext.split import split
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.target import Grammar, Repeated, Target

_TOOLS = all_tools()
_FILE = b"\n=== "
_GRAMMAR: Grammar = {
    **SQL,
    "start": ["<tool><file>", "<tool><files>"],
    "tool": [chr(ord("a") + place) for place in range(len(_TOOLS))],
    "files": ["<file>", "<file><files>"],
    "file": ["\n=== <path>\n<text>"],
    "path": [
        "0001_a.sql", "0002_b.sql", "1_a.up.sql", "1_a.down.sql", "V1__a.sql", "U1__a.sql", "R__a.sql",
        "V1_2__b.sql", "a/up.sql", "2024-01-01-1_a/up.sql", "2024-01-01-1_a/down.sql",
        "2024-01-01-1_a/metadata.toml", "0001_a/migration.sql", "migration_lock.toml", "meta/_journal.json",
        "0000_a.sql", "0001_a.rollback.sql", "20240101_a.sql", "upgrade.sql", "1_a.go", "versions/a.py",
        "V1__a.sql.conf", "01_a.sql", "1.0_a.sql", "<digits>_a.sql", "a.sql", "V<digits>__a.sql", "post-apply.sql",
        "²_a.sql", "٣_a.sql", "0003_c.SQL", "beforeMigrate.sql",
    ],
    "digits": ["1", "9" * 60, "9" * 240, "0"],
    "text": [
        "SELECT 1;\n", "<line>\n<text>", "<statement>;\n<text>", "<mark>\n<statement>;\n<mark>\n<statement>;\n",
        "<journal>", "<junk>",
    ],
    "line": [
        "<mark>", "-- words", "-- note: words", "-- depends: <depends>", "-- transactional: false", "--",
        "<statement>;",
    ],
    "depends": ["0001_a", "0002_b", "0001_a 0002_b", "nothing", ""],
    "mark": [
        "-- migrate:up", "-- migrate:down transaction:false", "-- +goose Up", "-- +goose Down",
        "-- +goose StatementBegin", "-- +goose StatementEnd", "-- +goose NO TRANSACTION", "-- +goose ENVSUB ON",
        "-- +goose x", "-- +migrate Up notransaction", "-- +migrate Down", "-- +migrate StatementBegin",
        "-- +migrate x", "--> statement-breakpoint", "-- no-transaction", "-- Running upgrade  -> a1",
        "-- Running upgrade a1 -> b2", "-- Running downgrade b2 -> a1", "-- Running upgrade a1, b2 -> c3",
        "--\n-- migrate:up", "-- rambler up", "-- +micrate Down", "---- create above / drop below ----", "--//@UNDO",
        "-- Down", "# --- !Ups", "-- undo", "-- rollback", "/* down */", "-- liquibase formatted sql",
        "-- atlas:txmode none", "-- up",
    ],
    "journal": [
        '{"dialect": "sqlite", "entries": [{"tag": "0000_a", "when": 1}]}', '{"entries": [{"tag": <json>}]}',
        '{"entries": <json>}', '{"dialect": "postgresql"}', 'provider = "postgresql"', "run_in_transaction = false",
        "executeInTransaction=false", "<json>",
    ],
    "json": [
        "1", "[]", "{}", "null", '""', "[[]]", "9" * 5000, "[<json>, <json>]", '{"tag": <json>}', "1e999",
        '"\\ud800"',
    ],
    "junk": ["", "\0", "\ufeff", "${a}", "'\r\n'", "\r\n", "\x1b", "\udcff".encode("utf-8", "replace").decode()],
}  # fmt: skip


def run(data: bytes) -> None:
    """Read ``data`` as the folder of a tool: a letter for the tool, then files, each behind a line with its path."""
    head, *files = data.split(_FILE)
    tool = _TOOLS[(head[0] - ord("a")) % len(_TOOLS) if head else 0]
    tree = {}
    for file in files:
        path, _, content = file.partition(b"\n")
        tree[path.decode("utf-8", "replace")] = content
        _is_recognised(path.decode("utf-8", "replace"), content)
    _is_taken_over(tool, tree)


def _is_recognised(path: str, content: bytes) -> None:
    foreign_path(path)
    foreign = foreign_text(content)
    assert foreign is None or may_be_foreign(content)
    assert foreign is None or 1 <= (foreign.line or 0) <= content.count(b"\n") + 1


def _is_taken_over(tool: Tool, tree: dict[str, bytes]) -> None:
    try:
        migrations = read_set(tool, tree, "theirs")
    except FileError as e:
        _names_the_folder(e)
        return
    assert migrations.migrations
    for migration in migrations.migrations:
        for script in scripts_of(migration, tool.files.tables, own_directives=tool.files.order == "depends"):
            if script.problems:
                continue
            # It can stand in a file of ours, below a header.
            header = parse_migration_header(f"-- words\n{script.text}", "ours.sql")
            assert not header.depends or tool.files.order == "depends"
            assert script.has_statement == bool(split(script.text))
            assert not may_be_foreign(script.text.encode()) or foreign_text(script.text.encode()) is None or tool.word


def _names_the_folder(error: FileError) -> None:
    assert error.exit_code == 2
    assert error.where is not None
    assert error.where.path.startswith("theirs")


def _read(text: str) -> object:
    results: list[object] = [foreign_text(text.encode())]
    for word in ("dbmate", "goose", "yoyo"):
        tool = tool_of(word)
        try:
            migrations = read_set(tool, {"0001_a.sql": text.encode()}, "theirs").migrations
            results += [scripts_of(m, tool.files.tables, own_directives=False) for m in migrations]
        except FileError as e:
            results.append(e)
    return results


TARGETS = [
    Target(
        "exchange",
        "raises FileError that names the folder alone, and makes of every migration that it takes over a file of ours",
        run,
        _GRAMMAR,
        seeds=[
            b"d\n=== 0001_a.sql\n-- migrate:up\nCREATE TABLE t(a);\n-- migrate:down\nDROP TABLE t;\n",
            b"h\n=== 0001_a.sql\n-- +goose Up\nCREATE TABLE t(a);\n-- +goose Down\nDROP TABLE t;\n",
        ],
        work=_read,
        growing=[
            Repeated("--\n"),
            Repeated("-"),
            Repeated("-- \n"),
            Repeated("--a\n"),
            Repeated("-- migrate:up\n"),
            Repeated("-- migrate:down\n", "-- migrate:up\n"),
            Repeated("-- +goose x\n"),
            Repeated("-- down\nSELECT 1;\n", "SELECT 1;\n"),
            Repeated("-- up\nSELECT 1;\n", "SELECT 1;\n"),
            Repeated(" transaction:false", "-- migrate:up", "x"),
            Repeated(" a", "-- migrate:up"),
            Repeated("-- +goose StatementEnd\n", "-- +goose Up\n"),
            Repeated("SELECT 1;\n"),
            Repeated("COMMIT;\n"),
            Repeated("SELECT '\r\n';"),
            Repeated("-- a: b\n"),
            Repeated("'\r\n'||", "SELECT ", "1"),
        ],
    )
]
