"""Rules about statements that SQLite or a libSQL server refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memsql import hints
from memsql.lint.model import DATABASE, OURS, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.project.admission import ledger_table
from memsql.sqltext import libsql
from memsql.sqltext.pragmas import SERVER_SETS, changes, read_pragma

# Tried against sqld 0.24; docs/libsql.md lists them.
_SERVER_PRAGMAS = frozenset(
    {
        "foreign_keys",
        "defer_foreign_keys",
        "foreign_key_check",
        "foreign_key_list",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "page_count",
        "page_size",
        "freelist_count",
        "user_version",
        "encoding",
    }
)
# Errors of SQLite's parser: they do not depend on the schema.
_SYNTAX_ERROR = re.compile(r"near \".*\": syntax error|incomplete input|unrecognized token|malformed|syntax error")
# Errors that depend on the schema, so they count only where the schema is known.
_SCHEMA_ERROR = re.compile(
    r"no such (?:table|column|index|trigger|view)|already exists|duplicate column name|has no column named|"
    r"values were supplied|there is already|no such table column|cannot|must have|requires|"
    r"more than one primary key|unknown column|ambiguous column|error in (?:index|trigger|view|table)|"
    r"values for \d+ columns|expressions prohibited|subqueries prohibited|NOT NULL"
)
_NO_TABLE = re.compile(r"no such table: (?:main\.)?(.+)")
_NEAR = re.compile(r'near "(.+?)": syntax error')


@rule("MS21", "server_refuses", "warning", (*OURS, "legacy"))
def server_refuses(script: Script) -> Iterator[Hit]:
    """A statement that a libSQL server refuses.

    **Anti-pattern** It runs on a file and fails on Turso: ANALYZE, TEMP objects, most PRAGMAs, constraints in ALTER
    TABLE (new in SQLite 3.53), and every file with `-- transactional: false`, such as one with VACUUM.

        ANALYZE;

    **Best practice** Leave it to whoever runs the database (`memsql fts.optimize`, the service itself), or say that
    this database is a file only: `-- allow: MS21`.

        -- allow: MS21 the archive is a file and never goes to a server
        ANALYZE;
    """
    for step in script.of("analyze"):
        yield Hit(step.at, "a libSQL server refuses ANALYZE", "leave it out; the server keeps no statistics of yours")
    for step in script.steps:
        if step.kind in ("create", "drop") and step.effect.schema == "temp":
            yield Hit(step.at, "a libSQL server refuses TEMP objects", "use an ordinary table and drop it in the end")
    for step in script.of("pragma"):
        pragma = read_pragma(step.text)
        if pragma is None or (script.transactional and pragma.name in ("journal_mode", "synchronous")):
            continue
        if pragma.name not in (SERVER_SETS if changes(pragma) else _SERVER_PRAGMAS):
            yield Hit(step.at, f"a libSQL server refuses PRAGMA {pragma.name}", "leave it out of migrations")
    for step in script.of("alter_column"):
        if _altered_column(step) is None:
            yield Hit(
                step.at,
                "a libSQL server refuses this ALTER TABLE, and so does SQLite before 3.53",
                "rebuild the table with `-- foreign_keys: off`",
            )
    if not script.header.transactional and script.steps:
        step = next(iter(script.of("vacuum")), script.steps[0])
        yield Hit(
            step.at,
            "memsql refuses `-- transactional: false` on a libSQL server",
            "keep it for databases that are files",
        )


@rule("MS22", "libsql_only", "warning", DATABASE)
def libsql_only(script: Script) -> Iterator[Hit]:
    """Syntax that only libSQL has.

    **Anti-pattern** The migration runs on Turso and fails on every SQLite file: on laptops, in tests, in the
    rehearsal of a pull request.

        ALTER TABLE users ALTER COLUMN email TO email TEXT NOT NULL;
        CREATE INDEX idx_notes_vector ON notes (libsql_vector_idx(embedding));

    **Best practice** Use what both have, a rebuild for example; or say that this database lives on servers only:
    `-- allow: MS22`.

        -- foreign_keys: off
    """
    for step in script.steps:
        if step.kind == "insert" and "vector" not in step.text.lower():
            continue
        if step.kind == "alter_column" and (at := _altered_column(step)) is not None:
            hint = "rebuild the table with `-- foreign_keys: off`"
            yield Hit(step.tokens[at].start, "only libSQL knows ALTER COLUMN … TO", hint)
            continue
        lower = step.text.lower()
        if "vector" not in lower and "random" not in lower:
            continue
        for i, token in enumerate(step.tokens):
            following = step.tokens[i + 1].word if i + 1 < len(step.tokens) else ""
            if token.word in libsql.FUNCTIONS and following == "(" and step.name != token.name:
                yield Hit(
                    token.start, f"only libSQL knows {token.text}()", "keep it out of what runs on SQLite files too"
                )
                break
            if token.word == "RANDOM" and following == "ROWID":
                yield Hit(token.start, "only libSQL knows RANDOM ROWID", "leave it out")
                break


@rule("MS30", "does_not_run", "error", (*DATABASE, "check", "query", "smoke", "snapshot"))
def does_not_run(script: Script) -> Iterator[Hit]:
    """A statement that SQLite cannot prepare, or a file that cannot be read.

    **Anti-pattern** The migration fails when it is applied; everything is rolled back, but the deployment stops.

        CREATE INDEX idx_notes_autor ON notes (autor);

    **Best practice** Rehearse it: `memsql migrate.up --dry-run`.

        CREATE INDEX idx_notes_author ON notes (author);
    """
    schema_is_exact = script.before is not None and script.before.exact and script.kind in OURS
    for step in script.steps:
        error = script.failures.get(step.number)
        if error is None or step.kind == "alter_column" or _knows_libsql(step):
            continue
        if step.kind == "alter_add_column" and error.lower().startswith("cannot add"):
            continue  # MS05 says it better.
        missing = _NO_TABLE.search(error)
        if missing and ledger_table(missing[1]) is not None:
            schema_is_exact = False  # The ledger is there when the migration runs; reading it is fine.
            continue
        syntax = _SYNTAX_ERROR.search(error)
        if syntax or (schema_is_exact and _SCHEMA_ERROR.search(error)):
            yield Hit(
                _near(step, error),
                f"SQLite says: {error}",
                f"rehearse the file: {hints.command('migrate.up --dry-run')}",
            )
        # A later statement may fail only because this one did.
        schema_is_exact = False


def _altered_column(step: Step) -> int | None:
    """The index of the token ALTER in ``ALTER COLUMN name TO definition``, which only libSQL knows; None without it.

    SQLite 3.53 has other forms: ``ALTER [COLUMN] name SET NOT NULL`` and ``DROP NOT NULL``,
    ``ADD [CONSTRAINT name] CHECK``, ``DROP CONSTRAINT name`` (https://sqlite.org/lang_altertable.html).
    """
    at = step.find("ALTER", "COLUMN")
    return at if at is not None and [token.word for token in step.tokens[at + 3 : at + 4]] == ["TO"] else None


def _knows_libsql(step: Step) -> bool:
    lower = step.text.lower()
    return any(word.lower() in lower for word in ("libsql_", "vector", "random rowid"))


def _near(step: Step, error: str) -> int:
    """The offset of the token that ``near "token": syntax error`` names, or of the statement where that is unclear."""
    near = _NEAR.search(error)
    offsets = [t.start for t in step.tokens if near and t.text == near[1]]
    return offsets[0] if len(offsets) == 1 else step.at


RULES = (server_refuses, libsql_only, does_not_run)
