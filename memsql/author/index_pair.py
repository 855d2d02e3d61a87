"""A migration pair for the advice on indexes: written with a check, and proven before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from memsql import hints
from memsql.advise.dropping import Redundant
from memsql.advise.index_list import Index, equal_index, read_indexes
from memsql.advise.proposals import Proposal
from memsql.author.change import match_tables
from memsql.author.change.steps import NO_RENAMES
from memsql.author.derive import with_migration
from memsql.author.files import NextName, complete_sum, next_name, write_files
from memsql.author.prove import Candidate, prove
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, MemsqlError
from memsql.progress import SILENT, Progress
from memsql.project.load import load_project
from memsql.schema import Schema, read
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed, quote_string

_ROWS = 25
_SEED = 1


@dataclass(frozen=True, slots=True)
class Advice:
    """What to write: indexes to create, and superfluous ones to drop."""

    create: tuple[Proposal, ...]
    drop: tuple[Redundant, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """What was written: the paths of the ``files``, none where there was nothing to write; ``notes`` say what was left
    out, and why."""

    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def write_pair(settings: Settings, name: str, advice: Advice, progress: Progress = SILENT) -> Pair:
    """Write the next migration, called ``name``, its rollback, its check and memsql.sum.

    Nothing is written unless up, down and up again succeed behind the other migrations, on an empty database and on one
    with made-up rows, and the check tells one from the other. What the migrations of the project do already, or cannot
    do, is left out. Raises UsageError for a name that makes no file name, FileError where a file cannot be written.
    """
    project = load_project(settings)
    progress.start("replaying the migrations")
    with closing(memory()) as base:
        run_on(base, project, "up", RunOptions())
        before = read(base)
        create, drop, notes = _left(advice, base, before)
        if not create and not drop:
            return Pair((), (*notes, *complete_sum(settings)))
        coming = next_name(settings, name)
        texts = _up(coming, create, drop), _down(coming, create, drop)
        check = _check(coming, create, drop)
        progress.start("proving it on made-up rows")
        after = _after(base, create, drop, check)
        matches = match_tables(before, after, NO_RENAMES)
        changed = with_migration(project, coming, texts)
        try:
            prove(base, Candidate(changed, before, after, matches.changes), rows=_ROWS, seed=_SEED)
        except MemsqlError as e:
            e.state = "nothing was written"
            raise
    up, down = (settings.migrations / f"{coming.id}{end}" for end in (".sql", ".rollback.sql"))
    return Pair(
        write_files(settings, {up: texts[0], down: texts[1], settings.sql / "checks" / f"{coming.id}.sql": check}),
        notes,
    )


def defined_indexes(settings: Settings) -> list[Index]:
    """The indexes that the migrations of the project make; none where they do not run."""
    try:
        with closing(memory()) as conn:
            run_on(conn, load_project(settings), "up", RunOptions(old_permits=True, replayed=True))
            return read_indexes(conn, read(conn))
    except MemsqlError:
        return []


def _left(
    advice: Advice, base: SQLiteConnection, schema: Schema
) -> tuple[list[Proposal], list[Redundant], tuple[str, ...]]:
    """What of ``advice`` changes the ``schema`` that the migrations make on ``base``, and a note for the rest."""
    indexes = read_indexes(base, schema)
    names = {fold(o.name) for o in schema.objects}
    create, drop, notes = [], [], []
    for one in advice.create:
        equal = equal_index(one.index, indexes)
        problem = _problem(base, one) if fold(one.name) not in names else f"there is another {one.name}"
        if equal is not None:
            notes.append(f"{one.name}: the migrations create it already ({equal.name}): {hints.command('migrate.up')}")
        elif problem:
            notes.append(f"{one.name}: not written, for after the migrations it cannot be created: {problem}")
        else:
            create.append(one)
    for gone in advice.drop:
        if gone.kept:
            notes.append(f"{gone.index.name}: stays, for {gone.kept[0]}")
        elif any(index.name == gone.index.name and index.terms == gone.index.terms for index in indexes):
            drop.append(gone)
        else:
            notes.append(
                f"{gone.index.name}: not in what the migrations make: {hints.command('migrate.up')}, or drop it by hand"
            )
    return create, drop, tuple(notes)


def _problem(base: SQLiteConnection, proposal: Proposal) -> str:
    base.begin()
    try:
        base.execute(proposal.statement)
    except MemsqlError as e:
        return e.message
    finally:
        base.rollback()
    return ""


def _up(coming: NextName, create: Sequence[Proposal], drop: Sequence[Redundant]) -> str:
    head = [f"-- {coming.title}", *([f"-- depends: {coming.depends}"] if coming.depends else [])]
    blocks = [
        *("\n".join([*map(_comment, _why(one)), f"{one.statement};"]) for one in create),
        *(f"{_comment(_superfluous(gone))}\nDROP INDEX {quote_if_needed(gone.index.name)};" for gone in drop),
    ]
    return "\n".join(head) + "\n\n" + "\n\n".join(blocks) + "\n"


def _down(coming: NextName, create: Sequence[Proposal], drop: Sequence[Redundant]) -> str:
    statements = [
        *(f"{gone.index.sql.rstrip().rstrip(';')};" for gone in reversed(drop)),
        *(f"DROP INDEX {quote_if_needed(one.name)};" for one in reversed(create)),
    ]
    return f"-- Undo {coming.id}\n\n" + "\n".join(statements) + "\n"


def _why(proposal: Proposal) -> list[str]:
    if proposal.reference:
        return [f"{proposal.reference}: without an index a DELETE there reads the whole table"]
    return [
        f"{benefit.path}: {benefit.before:,} rows read a call, then {benefit.after:,}"
        + (", and no sort" if benefit.unsorted else "")
        for benefit in proposal.benefits
    ]


def _superfluous(gone: Redundant) -> str:
    by = "the key of the table" if gone.by is None else f"{gone.by.label} {gone.by.shown}".strip()
    return f"{gone.index.name} {gone.index.shown} does nothing that {by} does not do"


def _comment(text: str) -> str:
    """``text``, which may name what somebody else named, as one comment line."""
    return "-- " + " ".join(text.split())


def _check(coming: NextName, create: Sequence[Proposal], drop: Sequence[Redundant]) -> str:
    head = [
        f"-- name: indexes of {coming.id}",
        "-- severity: error",
        "-- why: The hot queries read more rows without the indexes that it creates.",
        "",
    ]
    parts = []
    if create:
        rows = ",\n".join(
            f"    ({quote_string(one.name)}, {place}, {_column(term.sql, term.text)}, {int(down)})"
            for one in create
            for place, (term, down) in enumerate(one.candidate.terms)
        )
        head += [f"WITH expected (index_name, seqno, column_name, descending) AS (\n    VALUES\n{rows}\n)\n"]
        parts.append(_MISSING)
    if drop:
        names = ", ".join(quote_string(gone.index.name) for gone in drop)
        parts.append(
            "SELECT 'index ' || name || ' is there, though another does its work' AS message\n"
            f"FROM sqlite_schema\nWHERE type = 'index' AND name IN ({names})"
        )
    return "\n".join(head) + "\n" + "\nUNION ALL\n".join(parts) + ";\n"


_MISSING = """SELECT
    'index ' || expected.index_name || ' lacks ' || COALESCE(expected.column_name, 'its expression')
    || ' in place ' || (expected.seqno + 1) AS message
FROM expected
WHERE NOT EXISTS (
    SELECT 1
    FROM PRAGMA_INDEX_XINFO(expected.index_name) AS actual
    WHERE
        actual.seqno = expected.seqno
        AND actual.name IS expected.column_name
        AND actual."desc" = expected.descending
)"""


def _column(sql: str, text: str) -> str:
    """The name of a column as a string; NULL for an expression, which has none."""
    name = sql.partition(" COLLATE ")[0]
    return "NULL" if "(" in text or fold(name) != fold(text) else quote_string(name.strip('"'))


def _after(base: SQLiteConnection, create: Sequence[Proposal], drop: Sequence[Redundant], check: str) -> Schema:
    """The schema that the migration makes of ``base``. Raises CheckFailed where ``check`` does not tell them apart."""
    was = base.execute(check).rows
    base.begin()
    try:
        for one in create:
            base.execute(one.statement)
        for gone in drop:
            base.execute(f"DROP INDEX {quote_if_needed(gone.index.name)}")
        if not was or base.execute(check).rows:
            raise CheckFailed("the check of the new migration does not see what it does", state="nothing was written")
        return read(base)
    finally:
        base.rollback()
