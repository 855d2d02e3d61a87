"""Rules about the transaction around a migration, and about migrations that run without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from memsql.lint.model import OURS, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.sqltext import fold

# Each is a silent no-op, or an error, between BEGIN and COMMIT (https://sqlite.org/pragma.html).
_PRAGMAS = {
    "foreign_keys": "write `-- foreign_keys: off` into the header of the file",
    "journal_mode": "set it once on the database, or in a file of its own with `-- transactional: false`",
    "synchronous": "set it where the application opens its connection",
    "page_size": "set it in a file of its own with `-- transactional: false`, followed by VACUUM",
    "auto_vacuum": "set it in a file of its own with `-- transactional: false`, followed by VACUUM",
    "wal_checkpoint": "move it into a file of its own with `-- transactional: false`",
}
_MANY_ROWS = 1000


@rule("MS08", "pragma_in_transaction", "error", (*OURS, "legacy"))
def pragma_in_transaction(script: Script) -> Iterator[Hit]:
    """A PRAGMA or VACUUM that does not work inside a transaction.

    **Anti-pattern** `PRAGMA foreign_keys` does nothing inside a transaction and says nothing; a change to WAL and
    VACUUM fail.

        PRAGMA foreign_keys = off;

    **Best practice** Say it in the header, where memsql reads it before BEGIN. What rewrites the file goes into a
    file of its own.

        -- foreign_keys: off

        -- transactional: false
        VACUUM;
    """
    if not script.transactional:
        return
    for step in script.of("pragma"):
        name = step.effect.name or ""
        # A PRAGMA without a value only reads a setting.
        if name in _PRAGMAS and (name == "wal_checkpoint" or any(t.word in ("=", "(") for t in step.tokens)):
            yield Hit(
                step.at, f"PRAGMA {name} does not work inside the transaction around the migration", _PRAGMAS[name]
            )
    for step in script.of("vacuum"):
        yield Hit(
            step.at,
            "VACUUM cannot run inside the transaction around the migration",
            "move it into a migration of its own with `-- transactional: false`",
        )


@rule("MS09", "transaction_control", "error", (*OURS, "legacy"))
def transaction_control(script: Script) -> Iterator[Hit]:
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH and their like in a migration.

    **Anti-pattern** The statements would end the transaction that memsql proves and commits as a whole: half a
    migration could stay. memsql refuses such a file.

        BEGIN;
        ALTER TABLE users ADD COLUMN plan TEXT;
        COMMIT;

    **Best practice** Write the statements alone.

        ALTER TABLE users ADD COLUMN plan TEXT;
    """
    for step in script.of("transaction", "attach", "detach"):
        word = step.text.split(None, 1)[0].upper()
        yield Hit(
            step.at,
            f"{word} would break the transaction around the migration",
            f"remove {word}: memsql begins, proves and commits each migration itself",
        )


@rule("MS23", "not_idempotent", "error")
def not_idempotent(script: Script) -> Iterator[Hit]:
    """A statement that cannot run twice, in a file with `-- transactional: false`.

    **Anti-pattern** Without a transaction an interruption leaves the statements before it done. Run again, the file
    fails at the first of them, or does it twice.

        -- transactional: false
        CREATE INDEX idx_notes_author ON notes (author);
        INSERT INTO settings (name) VALUES ('theme');

    **Best practice** Write each statement so that a second run changes nothing, and leave to the transaction what
    can have one.

        -- transactional: false
        CREATE INDEX IF NOT EXISTS idx_notes_author ON notes (author);
        INSERT OR IGNORE INTO settings (name) VALUES ('theme');
    """
    if script.header.transactional:
        return
    for step in script.steps:
        problem = _cannot_repeat(step)
        if problem is not None:
            yield Hit(step.at, problem[0], problem[1])


def _cannot_repeat(step: Step) -> tuple[str, str] | None:
    """Why a second run fails or changes rows again, and what to do about it; None where it may run twice."""
    if step.kind == "create" and step.find("IF", "NOT", "EXISTS") is None:
        return f"a second run fails here: {step.effect.name} exists by then", "add IF NOT EXISTS"
    if step.kind == "drop" and step.find("IF", "EXISTS") is None:
        return f"a second run fails here: {step.effect.name} is gone by then", "add IF EXISTS"
    if step.kind.startswith("alter_"):
        return "a second run of this ALTER TABLE fails", "move it into a migration with a transaction"
    if step.kind == "insert" and not _guards_itself(step):
        return (
            "a second run inserts these rows again",
            "write INSERT OR IGNORE, or ON CONFLICT DO NOTHING, on a table with a key",
        )
    if step.kind == "update" and (column := _of_itself(step)):
        return f"a second run changes {column} again", "let the WHERE leave out what is done"
    return None


def _guards_itself(step: Step) -> bool:
    """Whether an INSERT that runs twice inserts its rows once."""
    guards = (("INSERT", "OR"), ("ON", "CONFLICT"), ("NOT", "EXISTS"), ("NOT", "IN"))
    return _is_command(step) or any(step.find(*words) is not None for words in guards)


def _is_command(step: Step) -> bool:
    """Whether it is an FTS5 command: INSERT INTO x (x) VALUES ('rebuild')."""
    words = [t for t in step.tokens[:9] if t.word not in ("INSERT", "INTO")]
    return len(words) > 2 and words[1].word == "(" and words[2].name == words[0].name


def _of_itself(step: Step) -> str | None:
    """The first column that an UPDATE computes from its own value, as in ``SET n = n + 1``; None without one."""
    start = step.find("SET")
    tokens = step.tokens[start + 1 :] if start is not None else ()
    for i, token in enumerate(tokens):
        if token.word in ("WHERE", "FROM"):
            break
        first = i == 0 or tokens[i - 1].word == ","
        if (
            first
            and i + 3 < len(tokens)
            and tokens[i + 1].word == "="
            and tokens[i + 2].name == token.name
            and tokens[i + 3].word in ("+", "-", "*", "/", "||")
        ):
            return token.text
    return None


@rule("MS24", "mixed_backfill", "warning", ("migration",))
def mixed_backfill(script: Script) -> Iterator[Hit]:
    """A schema change and a change of many rows in one migration.

    **Anti-pattern** Nobody else can write while both run, and when the long part fails the short one is undone as
    well. A libSQL server takes the lock away after five seconds.

        ALTER TABLE users ADD COLUMN handle TEXT;
        UPDATE users SET handle = LOWER(name);

    **Best practice** One migration for the schema, the next one for the rows. Rows of tables that the file makes, and a
    rebuild, are no finding.

        ALTER TABLE users ADD COLUMN handle TEXT;
    """
    schema = next((s for s in script.steps if s.kind in ("create", "drop") or s.kind.startswith("alter_")), None)
    if schema is None or not script.transactional:
        return
    new_tables = {step.name for step in script.making("table", "virtual")} | {
        fold(step.effect.new_name or "") for step in script.of("alter_rename")
    }
    fix = "move it into the next migration"
    for step in script.of("update", "delete"):
        if step.name not in new_tables and script.existed(step.name) and not _one_row(script, step):
            yield Hit(step.at, f"changes rows of {step.effect.name} in the same migration as the schema", fix)
    rebuild_copies = {r.copy.step.number for r in script.rebuilds if r.copy is not None}
    for copy in script.copies:
        if (
            copy.step.number not in rebuild_copies
            and copy.source
            and script.existed(copy.source)
            and copy.source not in new_tables
        ):
            yield Hit(copy.step.at, f"copies rows of {copy.source} in the same migration as the schema", fix)
    inserts: dict[str, list[Step]] = {}
    for step in script.of("insert"):
        into = re.match(r"INSERT INTO\s+([\w.\"'`\[\]]+)", step.text, re.IGNORECASE)
        inserts.setdefault(into[1].strip("\"'`[]").lower() if into else "", []).append(step)
    for table, steps in inserts.items():
        if len(steps) > _MANY_ROWS and table not in new_tables and script.existed(table):
            yield Hit(steps[0].at, f"inserts {len(steps):,} rows into {table} in the same migration as the schema", fix)


def _one_row(script: Script, step: Step) -> bool:
    """Whether its WHERE picks rows by a key, as in ``WHERE id = 1``, without OR."""
    place = step.find("WHERE")
    before = script.before
    table = before.table(step.effect.name or "") if before else None
    if place is None or before is None or table is None:
        return False
    keys = {fold(c.name) for c in table.columns if c.pk} or {"rowid"}
    unique = {fold(i.columns[0] or "") for i in before.indexes_of(table.name) if i.unique and len(i.columns) == 1}
    tokens = step.tokens[place + 1 :]
    if any(t.word == "OR" for t in tokens):
        return False
    named = {t.name for t, sign in pairwise(tokens) if sign.word in ("=", "==", "IN")}
    return keys <= named or bool(unique & named)


@rule("MS25", "hides_drift", "warning")
def hides_drift(script: Script) -> Iterator[Hit]:
    """IF NOT EXISTS or IF EXISTS in a migration that runs in a transaction.

    **Anti-pattern** If something of that name is there already, with other columns, the statement does nothing and
    the migration counts as applied: the database has drifted, and nobody is told.

        CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT);

    **Best practice** Migrations run in order and once, so what they make is not there. Let the statement fail where
    it is.

        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
    """
    if not script.transactional:
        return
    for step in script.of("create", "drop"):
        words = ("IF", "NOT", "EXISTS") if step.kind == "create" else ("IF", "EXISTS")
        place = step.find(*words)
        if place is not None and place < 5:
            yield Hit(
                step.tokens[place].start,
                f"{' '.join(words)} hides that {step.effect.name} is "
                + ("there already, whatever its shape" if step.kind == "create" else "missing"),
                f"remove {' '.join(words)}",
            )


RULES = (pragma_in_transaction, transaction_control, not_idempotent, mixed_backfill, hides_drift)
