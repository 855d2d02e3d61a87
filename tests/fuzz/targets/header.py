"""The headers of migrations, checks and queries: directives, permits, origins."""

from __future__ import annotations

from memsql import visible
from memsql.errors import FileError
from memsql.project.files import SqlFile, unwritten
from memsql.sqltext.check_header import parse_check_header
from memsql.sqltext.header import MigrationHeader, Origin, directive_lines, parse_migration_header, permit_line
from memsql.sqltext.meaning import has_statement, meaning
from memsql.sqltext.split import split
from tests.fuzz.target import Grammar, Repeated, Target, is_about

_PATH = "migrations/0001_a.sql"
_GRAMMAR: Grammar = {
    "start": ["<line>\n", "<line>\n<start>", "<start><sql>", "\ufeff<start>", "<line>\r\n<start>", "<start><start>"],
    "line": [
        "-- words", "--<gap><directive>", "--<directive>", "-- <directive>", "/* <directive> */", "", "----",
        "-- <near>",
    ],
    "gap": [" ", "\t", "  ", "\v", "\xa0", "\r", ""],
    "directive": [
        "<key>:<value>", "depends: 0001_a 0002_b", "depends:", "transactional: false", "transactional: true",
        "foreign_keys: off", "foreign_keys: ON", "allow: data-loss <table> <reason>", "allow: broken <table> <reason>",
        "allow: MS01 <reason>", "allow: <value>", "fts_rebuild: <table> <table>", "fts_rebuild: all",
        "imported_from: goose <value> sha256=ab", "stands_for: 0001_a 0002_b @x", "stands_for:", "name: what must hold",
        "severity: warning", "why: <reason>", "timeout: 2m", "references: a.b -> c.d", "timeout: <value>",
    ],
    "key": [
        "depends", "transactional", "foreign_keys", "allow", "imported_from", "fts_rebuild", "name", "timeout",
        "https", "prose",
    ],
    "near": [
        "depend: x", "Depends: x", "foreign keys: off", "transactionnal: true", "allows: x", "foreign-keys: off",
        "timeouts: 3s",
    ],
    "value": [
        "x", " off ", "<table>", '""', '"', "9999999999999999999999", "\t", "a b c", "//x", "é", "`", "[", "30s",
        "0",
    ],
    "table": ["notes", "notes.author", '"a b".c', "[x y]", "`q`", '"a""b"', "'s'", "a.b.c", ".", "é.ü", '"'],
    "reason": ["", "nobody reads it", "  two  ", "\tx", "é", "(all)"],
    "sql": ["SELECT 1;\n", "CREATE TABLE t(a); -- depends: x\n", "/* x */\n", "/*", "'", "\0"],
}  # fmt: skip


def run(data: bytes) -> None:
    """Read the header of ``data`` as that of each kind of file."""
    try:
        text = SqlFile(_PATH, "0001_a.sql", data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).text()
    except FileError as e:
        is_about(e, _PATH)
        return
    directives = directive_lines(text)
    assert bool(split(text)) == has_statement(text)
    assert meaning(text) == meaning(f"-- words\n{text}") or not text.isascii() or text[:1] in "\v"
    unwritten(text)
    try:
        parse_check_header(text, _PATH)
    except FileError as e:
        is_about(e, _PATH)
    try:
        header = parse_migration_header(text, _PATH)
    except FileError as e:
        is_about(e, _PATH)
        return
    assert directives or header == MigrationHeader(header.description)
    # To yoyo a vertical tab is white space, and SQLite refuses the file.
    if "\v" not in text:
        _agrees_with_yoyo(header, text)
    _can_be_written(header)


def _agrees_with_yoyo(header: MigrationHeader, text: str) -> None:
    from yoyo.migrations import parse_metadata_from_sql_comments

    metadata, *_ = parse_metadata_from_sql_comments(text)
    assert set(metadata.get("depends", "").split()) <= set(header.depends)
    assert "transactional" not in metadata or header.transactional == (
        metadata["transactional"].strip().lower() == "true"
    )


def _can_be_written(header: MigrationHeader) -> None:
    """What was read can be written, and is read again as it was."""
    for permit in header.permits:
        if any(visible.line(name) != name for name in (permit.table, permit.column or "")):
            # What would act on a terminal is shown as an escape, and is for a person to write.
            continue
        again = parse_migration_header(permit_line(permit.table, permit.column, permit.reason), _PATH)
        (read,) = again.permits
        assert (read.table, read.column, read.reason) == (permit.table, permit.column, permit.reason)
    if header.origin is not None:
        path = " ".join(header.origin.path.split())
        assert (
            parse_migration_header(Origin(header.origin.tool, path, header.origin.marks).line, _PATH).origin is not None
        )


def _read(text: str) -> object:
    results: list[object] = [directive_lines(text), meaning(text), has_statement(text), unwritten(text)]
    for parse in (parse_migration_header, parse_check_header):
        try:
            results.append(parse(text, _PATH))
        except FileError as e:
            results.append(e)
    return results


TARGETS = [
    Target(
        "header",
        "raises FileError alone, reads what yoyo reads of a header, and reads the lines that memsql writes as they were"
        " meant",
        run,
        _GRAMMAR,
        seeds=[b'-- words\n-- depends: 0001_a\n-- allow: data-loss "a b".c nobody reads it\nSELECT 1;\n'],
        work=_read,
        growing=[
            Repeated("-- depends: a\n"),
            Repeated("-- depends: a\n", "", "/* x */"),
            Repeated("-- allow: data-loss a b\n"),
            Repeated("-- a: b\n"),
            Repeated("-- depend : b\n"),
            Repeated("a", "-- depen", ": b"),
            Repeated("a-", "-- ", ": b"),
            Repeated(" ", "-- allow:", "x"),
            Repeated('"', "-- fts_rebuild: "),
            Repeated('"a" ', "-- fts_rebuild: "),
            Repeated('"', "-- allow: data-loss "),
            Repeated("a.", "-- allow: data-loss "),
            Repeated("sha256=a ", "-- imported_from: a b "),
            Repeated("9", "-- timeout: "),
            Repeated("/* - */"),
            Repeated("\n-\n", "/*", "*/"),
        ],
    )
]
