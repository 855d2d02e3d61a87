"""Rules about the transaction around a migration, and about migrations that run without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from memsql.lint.model import OURS, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.project.admission import Topic
from memsql.sqltext import fold

_MANY_ROWS = 1000


@rule("MS08", "pragma_in_transaction", "error", (*OURS, "legacy"))
def pragma_in_transaction(script: Script) -> Iterator[Hit]:
    """A PRAGMA or VACUUM that a migration may not run.

    **Anti-pattern** Some do nothing inside a transaction, or fail there. Others go round the proof, damage the
    database, or change what later migrations mean. memsql refuses such a file.

        PRAGMA writable_schema = ON;
        PRAGMA journal_mode = OFF;
        VACUUM;

    **Best practice** Leave settings of the connection to the application. What rewrites the file goes into a file of
    its own. `PRAGMA foreign_keys = OFF` before and `ON` behind the statements mean the same as the directive.

        -- foreign_keys: off

        -- transactional: false
        VACUUM;
    """
    yield from _refused(script, "setting")


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
    yield from _refused(script, "transaction")


@rule("MS23", "without_transaction", "error")
def without_transaction(script: Script) -> Iterator[Hit]:
    """A statement that can have a transaction, in a file with `-- transactional: false`.

    **Anti-pattern** Without a transaction nobody can prove or undo what the statement does. memsql refuses such a file.

        -- transactional: false
        INSERT INTO settings (name) VALUES ('theme');
        VACUUM;

    **Best practice** Keep the directive for what cannot run in a transaction: VACUUM, and PRAGMA journal_mode,
    page_size, auto_vacuum and wal_checkpoint. REINDEX and ANALYZE may stand beside them.

        -- transactional: false
        PRAGMA page_size = 8192;
        VACUUM;
    """
    yield from _refused(script, "stepwise")


@rule("MS32", "writes_ledger", "error", (*OURS, "legacy"))
def writes_ledger(script: Script) -> Iterator[Hit]:
    """A statement that writes, makes or drops a table of memsql's own.

    **Anti-pattern** The tables of the ledger say what was applied. Once somebody else writes them, they say something
    else; memsql refuses such a file.

        DELETE FROM memsql_history;
        CREATE TABLE schema_migrations (version TEXT PRIMARY KEY);

    **Best practice** Leave them out. A script of another tool loses its statements on `schema_migrations`, a table of
    the application gets another name. Reading is fine.

        SELECT version FROM schema_migrations;
    """
    yield from _refused(script, "ledger")


@rule("MS33", "writes_shadow", "error", (*OURS, "legacy"))
def writes_shadow(script: Script) -> Iterator[Hit]:
    """A statement that writes a shadow table, in which a virtual table keeps its data.

    **Anti-pattern** What is written past the full-text index or R-Tree, it does not know: rows are gone without a
    trace, searches find what is not there. memsql refuses such a file.

        DELETE FROM notes_fts_content WHERE id = 7;

    **Best practice** Write the virtual table. Reading its shadow tables is fine. A table whose name merely looks like
    one is yours, such as the table `notes_fts_content` of an index with `content='notes_fts_content'`.

        DELETE FROM notes_fts WHERE rowid = 7;
    """
    yield from _refused(script, "shadow")


def _refused(script: Script, topic: Topic) -> Iterator[Hit]:
    for step, refusal in script.refusals:
        if refusal.topic == topic:
            yield Hit(step.at, f"the file {refusal.message}", refusal.hint)


@rule("MS24", "mixed_backfill", "warning", ("migration",))
def mixed_backfill(script: Script) -> Iterator[Hit]:
    """A schema change and a change of many rows in one migration.

    **Anti-pattern** Nobody else can write while both run, and when the long part fails the short one is undone as
    well. A libSQL server takes the lock away after five seconds.

        ALTER TABLE users ADD COLUMN handle TEXT;
        UPDATE users SET handle = LOWER(name);

    **Best practice** One migration for the schema, the next one for the rows. Filling a table that the file makes, and
    so a rebuild, is no finding.

        ALTER TABLE users ADD COLUMN handle TEXT;
    """
    if not script.transactional or not any(_is_schema_change(script, step) for step in script.steps):
        return
    new_tables = {step.name for step in script.making("table", "virtual")} | {
        step.new_name for step in script.of("alter_rename")
    }
    fix = "move it into the next migration"
    for step in script.of("update", "delete"):
        if step.name not in new_tables and script.existed(step.name) and not _one_row(script, step):
            yield Hit(step.at, f"changes rows of {step.effect.name} in the same migration as the schema", fix)
    for copy in script.copies:
        sources = [name for name in copy.sources if name not in new_tables and script.existed(name)]
        if copy.target not in new_tables and sources:
            yield Hit(copy.step.at, f"copies rows of {', '.join(sources)} in the same migration as the schema", fix)
    inserts: dict[str, list[Step]] = {}
    for step in script.of("insert"):
        into = re.match(r"INSERT INTO\s+([\w.\"'`\[\]]+)", step.text, re.IGNORECASE)
        inserts.setdefault(into[1].strip("\"'`[]").lower() if into else "", []).append(step)
    for table, steps in inserts.items():
        if len(steps) > _MANY_ROWS and table not in new_tables and script.existed(table):
            yield Hit(steps[0].at, f"inserts {len(steps):,} rows into {table} in the same migration as the schema", fix)


def _is_schema_change(script: Script, step: Step) -> bool:
    if step.kind not in ("create", "drop") or step.effect.schema == "temp":
        return step.kind.startswith("alter_")
    return step.kind == "create" or not any(
        s.effect.schema == "temp" for s in script.of("create") if s.name == step.name
    )


def _one_row(script: Script, step: Step) -> bool:
    """Whether its WHERE picks rows by a key, as in ``WHERE id = 1``, without OR."""
    before = script.before
    table = before.table(step.effect.name or "") if before else None
    tokens = step.write.condition if step.write is not None else ()
    if not tokens or before is None or table is None:
        return False
    keys = {fold(c.name) for c in table.columns if c.pk} or {"rowid"}
    unique = {fold(i.columns[0] or "") for i in before.indexes_of(table.name) if i.unique and len(i.columns) == 1}
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


RULES = (
    pragma_in_transaction,
    transaction_control,
    without_transaction,
    mixed_backfill,
    hides_drift,
    writes_ledger,
    writes_shadow,
)
