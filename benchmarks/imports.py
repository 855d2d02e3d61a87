"""What becomes of public migrations of other tools: how many sets `memsql import` takes over, how many then apply, and
whether the schema and the numbers of rows are those that the sqlite3 shell makes of the same files.

Run ``python -m benchmarks.imports FOLDER [SET ...]``. FOLDER has a folder for each set, and each set has a file
``tool`` with the word for the tool, and a folder ``src`` with its migrations as they are. Nothing of a set is kept in
this repository, and nothing is written into FOLDER.

A set that the shell itself does not run, because a migration needs a function of its application, say, counts apart.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from memsql import config
from memsql.actions.up import up
from memsql.author.importing import Imported, import_set
from memsql.engine.state import RunOptions
from memsql.errors import MemsqlError
from memsql.exchange.reading import read_set
from memsql.exchange.tools import tool_of
from memsql.progress import SILENT
from memsql.sqltext.internal import RECORDS

Objects = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one set. ``shell`` and ``problem`` say what stopped the shell and memsql."""

    name: str
    tool: str
    shell: str = ""
    problem: str = ""
    imported: Imported | None = None
    equal: bool = False
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """One word for the table."""
        if self.problem:
            return "refused" if not self.shell else "refused, as by the shell"
        return "equal" if self.equal else "applies where the shell stops" if self.shell else "DIFFERENT"


def main() -> None:
    """The words of the command line: the folder, and names of sets."""
    folder = Path(sys.argv[1])
    names = sys.argv[2:] or sorted(p.name for p in folder.iterdir() if (p / "tool").is_file())
    outcomes: Counter[str] = Counter()
    tools: set[str] = set()
    for name in names:
        result = _examine(folder / name)
        outcomes[result.outcome] += 1
        tools |= {result.tool} if result.equal else set()
        pairs = result.imported.pairs if result.imported else ()
        rollbacks = sum(pair.down is not None for pair in pairs), sum(pair.derived is not None for pair in pairs)
        permits = sum(len(way) for pair in pairs for way in pair.permits)
        print(
            f"{name:<20} {result.tool:<15} {len(pairs):4} migrations, rollbacks {rollbacks[0]} taken {rollbacks[1]} "
            f"derived, permits {permits}, {result.seconds:5.1f} s  {result.outcome}  {result.problem or result.shell}",
            flush=True,
        )
    print(f"{len(names)} sets: " + ", ".join(f"{word} {number}" for word, number in sorted(outcomes.items())))
    print(f"habits of sets that are equal: {', '.join(sorted(tools))}")


@contextmanager
def imported_project(source: Path) -> Iterator[config.Settings]:
    """Settings of a project for the block, empty yet, with a copy of the set ``source`` beside it in ``src``."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "setup.cfg").write_text("[memsql]\n")
        shutil.copytree(source / "src", Path(folder, "src"))
        yield config.load(project=folder, environ={})


def _examine(source: Path) -> Result:
    tool = tool_of((source / "tool").read_text().strip())
    with imported_project(source) as settings:
        oracle, database = settings.root / "oracle.db", settings.root / "memory.db"
        started = time.perf_counter()
        try:
            imported = import_set(settings, tool, settings.root / "src", dry_run=False, progress=SILENT)
            seconds = time.perf_counter() - started
            up(settings, RunOptions())
        except MemsqlError as e:
            problem = "; ".join([e.message, *e.details])[:120]
            return Result(source.name, tool.word, _in_the_shell(source, oracle), problem)
        shell = _in_the_shell(source, oracle)
        equal = not shell and _contents(database) == _contents(oracle)
        return Result(source.name, tool.word, shell, "", imported, equal, seconds)


def _in_the_shell(source: Path, database: Path) -> str:
    """Run the ways up as they stand in the files, and say what stopped the shell; nothing where memsql does not read
    the set."""
    tool = tool_of((source / "tool").read_text().strip())
    tree = {
        p.relative_to(source / "src").as_posix(): p.read_bytes() for p in (source / "src").rglob("*") if p.is_file()
    }
    try:
        migrations = read_set(tool, tree, "src").migrations
    except MemsqlError:
        return ""
    for migration in migrations:
        # Some are written to run inside a transaction of the tool, and end it themselves.
        for text in (migration.up, f"BEGIN;\n{migration.up}\n;COMMIT;"):
            done = subprocess.run(["sqlite3", "-bail", str(database)], input=text, capture_output=True, text=True)
            if "cannot commit" not in done.stderr:
                break
        if done.returncode:
            return f"{migration.path}: {' '.join(done.stderr.split())}"[:120]
    return ""


def _contents(database: Path) -> tuple[Objects, dict[str, int]]:
    """The objects of a database by type and name, with their SQL without white space and comments, and the number of
    rows of each table; without the ledger."""
    with closing(sqlite3.connect(database)) as conn:
        rows = conn.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema").fetchall()
        own = [row for row in rows if row[2] not in RECORDS and not row[1].startswith("sqlite_")]
        objects = {(kind, name): _plain(sql) for kind, name, _, sql in own}
        tables = [name for kind, name in objects if kind == "table"]
        return objects, {name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def _plain(sql: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"/\*.*?\*/", "", re.sub(r"--[^\n]*", "", sql), flags=re.DOTALL))


if __name__ == "__main__":
    main()
