"""Rules about a file as a whole: its rollback, its name, its header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from memsql.lint.model import DATABASE, OURS, Hit, Rule, rule
from memsql.lint.script import Script
from memsql.lint.siblings import Siblings
from memsql.project.files import WRITE_IT, parse_file_name, unwritten
from memsql.project.queries import KINDS

_EVERY = (*DATABASE, "check", "query", "smoke", "snapshot")


@rule("MS27", "no_rollback", "warning")
def no_rollback(script: Script) -> Iterator[Hit]:
    """A migration without a rollback, or with an empty one.

    **Anti-pattern** `migrate.down` refuses it, so the way back in an incident is a restore from backup.

        0005_add_notes.sql without 0005_add_notes.rollback.sql

    **Best practice** Write the way back with the change, while you know it. Where there is none, say so in the
    migration with `-- allow: MS27`, or in the empty rollback.

        -- Undo 0005_add_notes
        DROP TABLE notes;
    """
    if script.kind == "rollback" and not script.steps and not script.undoes_nothing:
        yield Hit(
            0,
            "the rollback holds no statement, so migrate.down refuses it",
            "write the way back, or say why there is none",
        )
    # What does nothing needs no way back.
    if script.kind == "migration" and script.siblings is not None and script.steps:
        rollback = script.name.removesuffix(".sql") + ".rollback.sql"
        if rollback not in script.siblings:
            yield Hit(
                0, f"there is no {rollback}, so migrate.down refuses", "write the way back, or say why there is none"
            )


@rule("MS28", "file_name", "error")
def file_name(script: Script) -> Iterator[Hit]:
    """A file name or version that does not fit.

    **Anti-pattern** memsql refuses a folder with a name it cannot read, two files of one version, or a rollback
    without its migration. Capital letters and other characters, and versions of another width, sort differently
    elsewhere.

        005-AddNotes.sql beside 0004_index_active_memories.sql

    **Best practice** The next version, as many digits as the others have, words in lower case with underscores.
    `migrate.create` does it.

        0005_add_notes.sql
    """
    own = parse_file_name(script.name)
    if own is None or not own.fits:
        yield Hit(
            0,
            f"{script.name} is not named like a migration",
            "name it NNNN_name.sql, with NNNN_name.rollback.sql beside it",
        )
        return
    if not re.fullmatch(r"[a-z0-9_]+", own.name):
        yield Hit(
            0,
            f"the name {own.name} has more than lower-case letters, digits and underscores",
            "rename both files before they are applied anywhere",
            severity="warning",
        )
    if script.siblings is None:
        return
    if own.is_rollback:
        if script.name.removesuffix(".rollback.sql") + ".sql" not in script.siblings:
            yield Hit(0, "this rollback has no migration", "restore the migration, or rename both files alike")
        return
    twins = [name for name in script.siblings.of_version(own.version) if name != script.name]
    if twins:
        yield Hit(
            0,
            f"version {own.version} is taken by {twins[0]} too",
            "renumber the one that was not applied anywhere yet",
        )
    width = script.siblings.most_digits_below(own.version)
    if len(own.digits) < width:
        yield Hit(
            0,
            f"version {own.digits} has fewer digits than the others",
            f"name it {own.digits.zfill(width)}_{own.name}.sql",
            severity="warning",
        )


@rule("MS29", "header", "warning", _EVERY)
def header(script: Script) -> Iterator[Hit]:
    """A header with a mistake, or without what a reader needs.

    **Anti-pattern** memsql refuses a misspelt or misplaced directive, and a migration that was not written yet. Without
    a description nobody knows what a migration is for, and without `-- depends:` yoyo may apply it before the one it
    needs.

        -- transactonal: false
        VACUUM;

    **Best practice** First a line that says what the file does, then directives; a check holds one SELECT, a query one
    SELECT, INSERT, UPDATE or DELETE.

        -- Gives the space of dropped tables back.
        -- depends: 0004_index_active_memories
        -- transactional: false
        VACUUM;
    """
    for problem in script.problems:
        if not problem.allow:
            yield Hit(_line_start(script, problem.line), problem.message, problem.fix, severity="error")
    if script.kind in OURS and script.steps and not script.problems and not script.header.description:
        yield Hit(0, "the file does not say what it does", "begin it with a comment line that does")
    if script.kind == "migration" and not script.steps:
        what = unwritten(script.text)
        if what is not None:
            yield Hit(0, f"the file {what}, so migrate.up refuses it", WRITE_IT)
    kinds = [s.kind for s in script.steps]
    if (script.kind == "check" and kinds != ["select"]) or (script.kind == "query" and not _is_query(kinds)):
        yield Hit(
            script.steps[1].at if len(script.steps) > 1 else 0,
            "a check holds one SELECT"
            if script.kind == "check"
            else "a query holds one SELECT, INSERT, UPDATE or DELETE",
            "split the file",
            severity="error",
        )
    if script.kind == "migration" and script.siblings is not None:
        yield from _depends(script, script.siblings)


def _is_query(kinds: Sequence[str]) -> bool:
    return len(kinds) == 1 and kinds[0] in KINDS


def _depends(script: Script, siblings: Siblings) -> Iterator[Hit]:
    for name in script.header.depends:
        if not siblings.has_migration(name):
            yield Hit(
                max(script.text.find(name), 0),
                f"it depends on {name}, which does not exist",
                "name a file of this folder without .sql",
                severity="error",
            )
    own = parse_file_name(script.name)
    first = own is None or not siblings.has_below(own.version)
    if "depends" not in script.text and not first and not script.header.depends:
        yield Hit(0, "the file does not say which migration it depends on", "write `-- depends: <the one before>`")


@rule("MS31", "allow", "warning", _EVERY)
def allow(script: Script) -> Iterator[Hit]:
    """An `-- allow:` without a reason, or one that allows nothing.

    **Anti-pattern** A reviewer cannot judge what is not said, and an `allow` that is not needed hides the next mistake.

        -- allow: MS01

    **Best practice** Name the rule and why it does not apply, in the header of the file. Remove the line when the
    reason is gone.

        -- allow: MS01 the table was never written to, see release 1.2
        DROP TABLE learned_patterns;
    """
    for problem in script.problems:
        if problem.allow:
            yield Hit(_line_start(script, problem.line), problem.message, problem.fix, severity="error")


@rule("MS34", "no_check", "info", ("migration",))
def no_check(script: Script) -> Iterator[Hit]:
    """A migration without a check.

    **Anti-pattern** What the migration promises is known to nobody but its author: `verify` cannot tell a year later
    whether it still holds.

        0005_add_notes.sql without sql/checks/0005_add_notes.sql

    **Best practice** Write one SELECT that returns a row for each problem; `migrate.create` makes the file. It is run
    before the migration is committed, and by every `verify`. It stays a remark: not every change leaves something to
    look at.

        -- name: notes present
        -- severity: error
        -- why: 0005 adds them
        SELECT 'table notes is missing'
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'notes');
    """
    own = parse_file_name(script.name)
    if script.checked is None or own is None or not script.steps or own.version in script.checked:
        return
    yield Hit(
        0,
        "there is no check of this migration, so verify cannot tell whether it still holds",
        f"write sql/checks/{script.name} with one SELECT that returns a row for each problem",
    )


def _line_start(script: Script, line: int) -> int:
    """The offset in the text where the line begins; lines count from 1."""
    at = 0
    for _ in range(line - 1):
        at = script.text.find("\n", at) + 1
    return at


RULES: tuple[Rule, ...] = (no_rollback, file_name, header, allow, no_check)
