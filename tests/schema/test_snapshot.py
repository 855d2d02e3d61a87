"""The text of a schema that holds more than CREATE statements, as the shell's .dump prints it."""

from __future__ import annotations

import pytest

from memsql.errors import FileError
from memsql.schema import from_sql
from memsql.schema.snapshot import beside, read_snapshot

DUMP = """PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
INSERT INTO note VALUES(1,'a');
INSERT INTO note VALUES(2,'CREATE TABLE no (a);');
CREATE TABLE sqlite_sequence(name,seq);
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)
VALUES('table','f','f',0,'CREATE VIRTUAL TABLE f USING fts5(''x'')');
CREATE TABLE IF NOT EXISTS 'f_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'f_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE _yoyo_log (id);
CREATE TRIGGER t AFTER INSERT ON _yoyo_log BEGIN SELECT 1; END;
CREATE TEMP VIEW w AS SELECT 1;
DELETE FROM sqlite_sequence;
ALTER TABLE note ADD COLUMN tag TEXT;
COMMIT;
"""


def test_a_dump_makes_its_schema_and_what_is_ignored_is_named() -> None:
    assert set(from_sql(DUMP, "s.sql").tables) == {"note", "f"}
    assert [c.name for c in from_sql(DUMP).tables["note"].columns] == ["id", "body", "tag"]
    said = "\n".join(beside(read_snapshot(DUMP), "s.sql"))
    for words in (
        "s.sql holds more than CREATE statements: PRAGMA foreign_keys (line 1), BEGIN (line 2)",
        "2 INSERT (from line 4 on), DELETE (line 15): ignored, because rows are no part of a schema",
        "CREATE TABLE sqlite_sequence (line 6), CREATE TABLE f_data (line 10)",
        "CREATE TRIGGER t (line 13)",
        "CREATE VIEW w (line 14): ignored, because it is temporary",
        "ALTER TABLE note (line 16): carried out",
    ):
        assert words in said
    assert not beside(read_snapshot("CREATE TABLE a (b); CREATE INDEX c ON a (b);"), "s.sql")


def test_a_table_that_only_looks_like_a_shadow_is_kept() -> None:
    text = "CREATE TABLE f_content (x); CREATE VIRTUAL TABLE f USING fts5(x, content='f_content');"
    assert set(from_sql(text).tables) == {"f", "f_content"}
    text = "CREATE VIRTUAL TABLE f USING fts5(x, content='f_content'); CREATE TABLE f_content (x);"
    assert set(from_sql(text).tables) == {"f", "f_content"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CREATE TABLE a (b);\nATTACH 'x.db' AS y;", "a schema is one database alone"),
        ("CREATE TABLE a (b);\nINSERT INTO sqlite_schema VALUES ('table', 'b');", "sqlite_"),
        ("CREATE TABLE a (b);\nCREATE TABLE c (d e f g,,);", "syntax error"),
    ],
)
def test_a_statement_that_does_not_run_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(FileError, match=r"s\.sql does not make a schema") as raised:
        from_sql(text, "s.sql")
    assert said in raised.value.message
    assert raised.value.where is not None
    assert raised.value.where.line == 2
