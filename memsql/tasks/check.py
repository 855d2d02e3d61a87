"""memsql check"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "check",
    new_file=True,
    reads_only=True,
    help={
        "for": "the engines, with commas between them: sqlite3.40,libsql,d1 (default: the setting target)",
        "of": "what to look at: files (default) or database, the schema of the database",
        "path": "a file or folder; may be given more than once (default: migrations and sql)",
    },
    iterable=["path"],
    bare_paths="--path",
)
def check(
    settings: Settings,
    progress: Bar,
    *,
    for_: str | None = None,
    of: str = "files",
    path: list[str] | None = None,
) -> Outcome:
    """Say on which engines and versions the SQL of the project, or the schema of a database, runs.

    Looks for syntax and functions that an engine does not have, by the text alone: nothing is run there. The table is
    memsql/targets/features.toml. Exit codes: 0 nothing stands in the way; 1 something does.

    Examples:  memsql check --for sqlite3.31,libsql,d1     memsql check --for d1 --of database
    """
    from memsql.actions.portability import portability_of_files, portability_of_schema
    from memsql.errors import UsageError
    from memsql.lint import sql_files
    from memsql.report.portability import data, text
    from memsql.targets import parse_targets

    targets = parse_targets(for_ or settings.engines)
    if not targets:
        raise UsageError("no engine is named", hint="name them: memsql check --for sqlite3.40,libsql,d1")
    if of not in ("files", "database") or (of == "database" and path):
        raise UsageError(f"--of {of} does not go{' with a path' if path else ''}", hint="--of files, or --of database")
    if of == "database":
        from memsql.db import connection
        from memsql.schema import read

        settings.target.expect_file()
        with connection(settings.target, "ro", settings.busy_timeout) as conn:
            result = portability_of_schema(read(conn), str(settings.target), targets)
    else:
        result = portability_of_files(settings, sql_files(settings, [Path.cwd() / p for p in path or []]), targets)
    return Outcome(text(result), data(result), int(bool(result.obstacles)))
