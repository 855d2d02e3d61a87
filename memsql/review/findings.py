"""The names, severities and help texts of MR01 to MR19, and findings with them.

Other modules decide where a finding is due: run, proof, plans and upkeep.
"""

from __future__ import annotations

from dataclasses import dataclass

from memsql import hints
from memsql.lint import Finding
from memsql.review.model import ORDER

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class About:
    """The documentation of a rule of the review. A finding may have another ``severity`` than the usual one here."""

    code: str
    name: str
    severity: str
    title: str
    help: str


ABOUT = {
    about.code: about
    for about in (
        About(
            "MR01",
            "does_not_apply",
            "error",
            "A migration that does not run",
            (
                "It was applied to an empty database that has every migration before it, or to one with made-up rows "
                "that satisfy every constraint."
            ),
        ),
        About(
            "MR02",
            "loses_rows",
            "error",
            "A migration that loses rows",
            (
                "Rows or values that were there before it are gone. `-- allow: data-loss TABLE <reason>` in the file "
                "says that it is meant."
            ),
        ),
        About(
            "MR03",
            "depends_on_data",
            "warning",
            "A migration that fails on some data",
            (
                "It works on rows that satisfy what it assumes, and fails on others that today's schema permits. The "
                "query counts such rows: run it in production first."
            ),
        ),
        About(
            "MR04",
            "does_not_restore",
            "error",
            "A rollback that does not restore",
            (
                "Up and then down leaves another schema, other rows, or a broken full-text index; or down fails; or "
                "up does not run again after it."
            ),
        ),
        About(
            "MR05",
            "way_back_loses",
            "warning",
            "A rollback that needs permission to lose data",
            (
                "migrate.down refuses it on a database with rows. `-- allow: data-loss TABLE <reason>` in the rollback"
                " says that it is meant."
            ),
        ),
        About(
            "MR06",
            "applied_file_changed",
            "error",
            "A file that the base has was edited, removed or renamed",
            (
                "It may be applied somewhere, and databases that have it will not run it again. Bring it back, and "
                "put the change into a new migration. An edit of comments, white space or the rollback alone is a "
                "remark."
            ),
        ),
        About(
            "MR07",
            "version_taken",
            "error",
            "A version that the base has taken",
            "Two migrations of one version cannot be applied. Rename the one that is not merged yet.",
        ),
        About(
            "MR08",
            "out_of_order",
            "error",
            "A version below one of the base",
            (
                "Databases that are up to date have the later one already, and migrate.up refuses to go back. Rename "
                "the one that is not merged yet."
            ),
        ),
        About(
            "MR09",
            "stale_sum",
            "error",
            "memsql.sum does not match the files",
            f"Look at the change and write it anew: {hints.command('migrate.sum')}.",
        ),
        About(
            "MR10",
            "stale_snapshot",
            "error",
            "sql/schema.sql is not what the migrations make",
            f"Write it anew: {hints.command('schema.dump --write')}.",
        ),
        About(
            "MR11",
            "query_slower",
            "warning",
            "A query of sql/queries scans or sorts where it did not",
            "Keep or make the index that it needs.",
        ),
        About(
            "MR12",
            "query_broken",
            "error",
            "A query of sql/queries that no longer runs",
            "Change the query with the schema, or keep what it reads.",
        ),
        About(
            "MR13",
            "sequence_reset",
            "warning",
            "AUTOINCREMENT begins again",
            "Ids of rows that were deleted are given again. Copy the row of sqlite_sequence when a table is rebuilt.",
        ),
        About(
            "MR14",
            "index_out_of_step",
            "error",
            "A full-text index that disagrees with its content",
            "Searches fail or miss rows. Let the migration rebuild it.",
        ),
        About(
            "MR15",
            "not_tried",
            "info",
            "Something that was not tried",
            (
                'No made-up row reached it, or it could not be executed. The verdict is then at best "not proven"; '
                "with `--strict` that is exit code 1. `-- allow: MR15 reason` says that people looked at it."
            ),
        ),
        About(
            "MR16",
            "values_become_others",
            "warning",
            "A new type that turns values into others",
            (
                "A column has another type, and values that were made up for it are stored otherwise: of '007' an "
                "INTEGER column keeps 7."
            ),
        ),
        About(
            "MR17",
            "schema_weaker",
            "warning",
            "A schema that protects less, or otherwise, than before",
            (
                "A constraint, an index or a trigger is gone, or has another definition, in a table or view that is "
                "still there, or a view takes a new column for what it named before. What lint reported of the "
                "statements is not repeated."
            ),
        ),
        About(
            "MR18",
            "contract_broken",
            "error",
            "A query whose plan is not what its file expects",
            (
                "What `-- plan:` in its file says does not hold on a database that has every migration of the branch, "
                "without rows. Where it did not hold in the base either, it is a warning."
            ),
        ),
        About(
            "MR19",
            "models_disagree",
            "warning",
            "Source code that does not fit the schema",
            (
                "The models that the setting `models` names were compared with the schema of the branch, as "
                "schema.check does. What fails or reads wrong values needs attention; what people should know of is "
                "a remark, where the base has it not."
            ),
        ),
    )
}


def finding_of(
    code: str,
    path: str,
    message: str,
    *,
    line: int = 1,
    end_line: int | None = None,
    fix: str = "",
    statement: str = "",
    severity: str | None = None,
) -> Finding:
    """A finding of the rule ``code``. ``severity`` is given where it is not the usual one."""
    about = ABOUT[code]
    flat = " ".join(statement[: _SHOWN * 4].split())
    shown = flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"
    return Finding(
        code, about.name, severity or about.severity, path, line, 1, max(line, end_line or line), message, fix, shown
    )


def most_severe_first(findings: set[Finding]) -> tuple[Finding, ...]:
    """``findings`` in order: errors, warnings, infos; then by file and line."""
    return tuple(
        sorted(findings, key=lambda f: (ORDER[f.severity], f.path, f.line, f.column, f.rule, f.message, f.fix))
    )
