"""What the review says of public migrations: how many are safe, not proven, need attention, or are blocked.

Run ``python -m benchmarks.public FOLDER [SET ...]``. FOLDER has a folder for each set, and each set has a folder
``migrations`` with files as memsql names them, or a file ``tool`` and a folder ``src`` with files of that tool, which
are imported first (see imports.py). Every migration is tried as a change of its own behind those before it, as
``memsql review`` does. Nothing of a set is kept in this repository.

Two lines of figures come out: of the trial alone, and of the trial with lint, which also says what files of another
tool lack (a rollback, a header). ``--json FILE`` writes every finding, to compare two versions of memsql.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.imports import imported_project
from memsql import config, deadline
from memsql.author.importing import import_set
from memsql.db.sqlite import memory
from memsql.errors import MemsqlError
from memsql.exchange.tools import tool_of
from memsql.lint import lint_files
from memsql.lint.files import sql_files
from memsql.lint.model import NO_CHECK
from memsql.progress import SILENT
from memsql.project.files import Migration, read_folder
from memsql.project.load import in_order
from memsql.review.proof import prove
from memsql.scratch.database import project_of, try_run

ROWS = 200
TARGET = 0.10
_ORDER = ("blocks", "needs attention", "not proven", "safe")


def main() -> None:
    """The words of the command line: the folder, names of sets, and ``--json FILE``."""
    words = sys.argv[1:]
    report = None
    if "--json" in words:
        place = words.index("--json")
        report = words[place + 1]
        del words[place : place + 2]
    folder = Path(words[0])
    names = words[1:] or sorted(
        p.name for p in folder.iterdir() if (p / "migrations").is_dir() or (p / "tool").is_file()
    )
    alone: Counter[str] = Counter()
    linted: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for name in names:
        tried = _examine(folder / name)
        alone.update(row["trial"] for row in tried)
        linted.update(row["review"] for row in tried)
        rows += [{"set": name, **row} for row in tried]
        seconds = sum(row["seconds"] for row in tried)
        shown = Counter(row["trial"] for row in tried)
        print(f"{name:<20} {len(tried):4} migrations {seconds:7.1f} s  {_shares(shown)}", flush=True)
    if report is not None:
        Path(report).write_text(json.dumps(rows, indent=1))
    print(f"{len(names)} sets, {len(rows)} migrations")
    print(f"trial alone:    {_shares(alone)}")
    print(f"trial and lint: {_shares(linted)}")
    share = max(alone["not proven"], linted["not proven"]) / max(1, len(rows))
    print(f"not proven {share:.1%}, target {TARGET:.0%}  {'ok' if share <= TARGET else 'MISSED'}")


def _examine(folder: Path) -> list[dict[str, Any]]:
    """Try each migration of a set behind those before it."""
    if not (folder / "tool").is_file():
        return _tried(config.load(project=str(folder), environ={}))
    tool = tool_of((folder / "tool").read_text().strip())
    with imported_project(folder) as settings:
        try:
            import_set(settings, tool, settings.root / "src", dry_run=False, progress=SILENT)
        except MemsqlError as e:
            print(f"{folder.name}: {e.message}")
            return []
        return _tried(settings)


def _tried(settings: config.Settings) -> list[dict[str, Any]]:
    by_path: dict[str, list[Any]] = {}
    for finding in lint_files(settings, sql_files(settings)):
        if finding.rule != NO_CHECK:
            by_path.setdefault(finding.path, []).append(finding)
    rows: list[dict[str, Any]] = []
    done: list[Migration] = []
    with closing(memory()) as conn:
        for migration in in_order(read_folder(settings.migrations, settings.show(settings.migrations))):
            started = time.perf_counter()
            way_back = "not tried"
            try:
                with deadline.part(migration.id):
                    proof = prove(settings, conn, done, migration, rows=ROWS)
                    findings, way_back = list(proof.findings), proof.way_back
                    if try_run(conn, project_of(settings, (*done, migration)), "up", allow=True) is None:
                        done.append(migration)
            except deadline.Stopped as e:
                conn.rollback()
                findings = [_stopped(migration.id, e.reason)]
            paths = [f.path for f in (migration.up, migration.down) if f is not None]
            lint = [finding for path in paths for finding in by_path.get(path, ())]
            rows.append(
                {
                    "name": migration.id,
                    "trial": _verdict(findings),
                    "review": _verdict([*_without_repeats(findings, lint), *lint]),
                    "way_back": way_back,
                    "seconds": time.perf_counter() - started,
                    "findings": [(f.rule, f.severity, f.path, f.line, f.message, f.fix) for f in findings],
                }
            )
    return rows


def _without_repeats(findings: list[Any], lint: list[Any]) -> list[Any]:
    try:
        from memsql.review.weakened import without_repeats

        return without_repeats(findings, lint)
    except ImportError:
        return findings


def _stopped(name: str, reason: str) -> Any:
    from memsql.review.findings import finding_of

    return finding_of("MR01", name, reason)


def _verdict(findings: Iterable[Any]) -> str:
    try:
        from memsql.review.model import verdict_of

        return verdict_of(tuple(findings))
    except ImportError:
        severities: Sequence[str] = [f.severity for f in findings]
        return "blocks" if "error" in severities else "needs attention" if "warning" in severities else "safe"


def _shares(verdicts: Counter[str]) -> str:
    total = max(1, verdicts.total())
    return ", ".join(f"{word} {verdicts[word]} ({verdicts[word] / total:.1%})" for word in reversed(_ORDER))


if __name__ == "__main__":
    main()
