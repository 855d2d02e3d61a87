"""The text of a schema: told from what stands beside it, run, read, written, and read again."""

from __future__ import annotations

from memsql.errors import FileError, StatementError
from memsql.project.files import SqlFile
from memsql.schema.compare import definitions
from memsql.schema.diff import diff
from memsql.schema.dump import dump
from memsql.schema.load import from_sql
from memsql.schema.snapshot import beside, read_snapshot
from tests.fuzz.sql_grammar import SQL
from tests.fuzz.target import Grammar, Repeated, Target, is_about

_PATH = "sql/schema.sql"
_GRAMMAR: Grammar = {
    **SQL,
    "start": [
        "CREATE TABLE t(a, b, c);\n", "<before><object>;\n<start>", "<object>;\n<start>",
        "<before><create>;<beside>;",
    ],
    "before": ["CREATE TABLE t(a, b, c);CREATE TABLE u(x, y);\n"],
    "object": [
        "CREATE INDEX i ON t(a)", "<create>", "<trigger>", "CREATE VIEW v AS <select>",
        "CREATE INDEX <name> ON t(<expression>)", "CREATE TABLE <name>(<column_list>)<options>", "<beside>",
        "CREATE VIEW <name>(<name>) AS SELECT <expression> FROM t",
    ],
    "beside": [
        "BEGIN", "COMMIT", "PRAGMA foreign_keys=OFF", "INSERT INTO t VALUES (1, 2, 3)", "<other>", "DROP TABLE u",
        "<write>",
        "INSERT INTO sqlite_schema VALUES('table','f','f',0,'CREATE VIRTUAL TABLE f USING fts5(a)')",
        "ALTER TABLE t ADD COLUMN <column_rule>", "CREATE TABLE sqlite_sequence(name,seq)", "CREATE TABLE f_data(x)",
    ],
}  # fmt: skip


def run(data: bytes) -> None:
    """Make the schema that ``data`` says."""
    try:
        text = SqlFile(_PATH, "schema.sql", data).text()
    except FileError:
        return
    parts = read_snapshot(text)
    assert all(part.role in ("definition", "change", "ignored") for part in parts)
    assert bool(beside(parts, _PATH)) == any(part.role != "definition" for part in parts)
    try:
        schema = from_sql(text, _PATH)
    except FileError as e:
        is_about(e, _PATH)
        _is_in(e, text)
        return
    definitions(schema)
    written = dump(schema)
    try:
        again = from_sql(written)
    except StatementError as e:
        raise AssertionError(f"{e.message}\n{written}") from e
    assert diff(schema, again).lines() == []
    assert dump(again) == written


def _is_in(error: FileError, text: str) -> None:
    assert error.where is not None
    assert error.where.line is not None
    assert 1 <= error.where.line <= text.count("\n") + 1


def _read(text: str) -> object:
    return [read_snapshot(text), beside(read_snapshot(text), _PATH)]


TARGETS = [
    Target(
        "schema",
        "raises FileError with the line alone, and writes every schema so that it is read again as it was",
        run,
        _GRAMMAR,
        work=_read,
        growing=[
            Repeated("INSERT INTO t VALUES (1);"),
            Repeated("CREATE TABLE t(a);"),
            Repeated("'CREATE TABLE', ", "INSERT INTO sqlite_schema VALUES (", "1)"),
            Repeated("CREATE VIRTUAL TABLE f USING fts5(a);"),
        ],
    )
]
