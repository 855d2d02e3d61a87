"""Projects on disk and the real command line, as a person or a script would use them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import json_schemas
import measured
import started

LEDGER = frozenset(
    {
        "schema_migrations",
        "memsql_history",
        "_yoyo_migration",
        "_yoyo_log",
        "_yoyo_version",
        "yoyo_lock",
    }
)
# A command takes a second at most, but on a machine that is busy with much else.
TIMEOUT = 200
_starter = started.Starter()


def clean_environment() -> dict[str, str]:
    """This environment without what would choose a database."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TURSO_", "MEMSQL_"))}


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one object on stdout, which is as its schema in docs/json says."""
        report = json.loads(self.out)
        assert isinstance(report, dict)
        problems = json_schemas.problems(report)
        assert problems == [], f"memsql {' '.join(self.words)}"
        return report

    def expect(self, code: int, *parts: str) -> Done:
        """Assert the exit code, that both streams together hold every one of ``parts``, and no traceback."""
        shown = f"memsql {' '.join(self.words)}: exit code {self.code}\n{self.out}{self.err}"
        assert self.code == code, shown
        assert "Traceback" not in self.out + self.err, shown
        for part in parts:
            assert part in self.out + self.err, f"{part!r} is not in:\n{shown}"
        return self


def run(
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    preexec_fn: Callable[[], None] | None = None,
    prefix: tuple[str, ...] = (),
    program: str = "memsql",
) -> Done:
    """Run ``memsql words`` in the folder ``cwd`` to its end, with ``env`` added to the environment."""
    environment = {**clean_environment(), **(env or {})}
    if preexec_fn is None and not prefix and started.fits(env or {}):
        command = started.Command(program, list(words), str(cwd), environment, measured.looks_at_commands())
        done = _starter.run(command, TIMEOUT)
        if done is not None:
            return Done(words, *done)
    ended = subprocess.run(
        [*prefix, sys.executable, "-m", program, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=TIMEOUT,
        preexec_fn=preexec_fn,
    )
    return Done(words, ended.returncode, ended.stdout, ended.stderr)


class Project:
    """A folder with setup.cfg, migrations and checks. ``db`` is its default database, made by nobody yet."""

    def __init__(self, root: Path, settings: str = "", database: str = "memory.db") -> None:
        self.root = root
        self.migrations = root / "migrations"
        self.checks = root / "sql" / "checks"
        self.db = root / database
        self.migrations.mkdir(parents=True, exist_ok=True)
        self.configure(f"[memsql]\ndatabase = {database}\n{settings}")

    @classmethod
    def at(cls, root: Path, database: str = "memory.db") -> Project:
        """The project that lies in ``root`` already."""
        project = object.__new__(cls)
        project.root, project.migrations, project.checks = root, root / "migrations", root / "sql" / "checks"
        project.db = root / database
        return project

    def copy(self, root: Path) -> Project:
        """The same files in another folder: quicker than making them with commands again."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Project.at(root, self.db.name)

    def configure(self, text: str) -> None:
        (self.root / "setup.cfg").write_text(text, encoding="utf-8")

    def add(self, name: str, up: str | bytes, down: str | bytes | None = "SELECT 1;\n") -> None:
        """Write the pair ``name``; ``down`` None leaves the rollback away."""
        for path, text in ((self.up_file(name), up), (self.down_file(name), down)):
            if text is not None:
                path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def up_file(self, name: str) -> Path:
        return self.migrations / f"{name}.sql"

    def down_file(self, name: str) -> Path:
        return self.migrations / f"{name}.rollback.sql"

    def remove(self, name: str) -> None:
        self.up_file(name).unlink()
        self.down_file(name).unlink(missing_ok=True)

    def rename(self, old: str, new: str) -> None:
        self.up_file(old).rename(self.up_file(new))
        self.down_file(old).rename(self.down_file(new))

    def check(self, file: str, select: str, *, name: str | None = None, severity: str = "error") -> None:
        self.checks.mkdir(parents=True, exist_ok=True)
        text = f"-- name: {name or file}\n-- severity: {severity}\n-- why: the tests want it so\n{select}\n"
        (self.checks / f"{file}.sql").write_text(text, encoding="utf-8")

    def run(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        preexec_fn: Callable[[], None] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Done:
        """Run ``memsql words`` to its end."""
        return run(*words, cwd=cwd or self.root, env=env, preexec_fn=preexec_fn, prefix=prefix)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin ``memsql words`` and return at once; ``finish`` waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "memsql", *words],
            cwd=self.root,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def up(self, *words: str, **kwargs: Any) -> Done:
        """``migrate.up``, which must succeed."""
        return self.run("migrate.up", *words, **kwargs).expect(0)

    def states(self, *words: str) -> dict[int, str]:
        """What ``migrate.status`` says: version to state."""
        report = self.run("migrate.status", "--json", *words).expect(0).json()
        return {m["version"]: m["state"] for m in report["migrations"]}

    def query(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{_quoted(self.db)}?mode=ro", uri=True)) as conn:
            return conn.execute(sql, params).fetchall()

    def one(self, sql: str, *params: object) -> Any:
        return self.query(sql, *params)[0][0]

    def script(self, sql: str) -> None:
        """Run ``sql`` on the database, as the application would; creates it where it is missing."""
        with closing(sqlite3.connect(self.db)) as conn:
            conn.executescript(sql)
            conn.commit()

    def data(self) -> tuple[object, ...]:
        """Schema and every row of what is not bookkeeping; None-like where there is no database."""
        return content(self.db, without=LEDGER)

    def everything(self) -> tuple[object, ...]:
        """Schema and every row, bookkeeping too."""
        return content(self.db)

    def applied(self) -> list[str]:
        """Ids that yoyo's table holds, in order."""
        return [str(r[0]) for r in self.query('SELECT migration_id FROM "_yoyo_migration" ORDER BY migration_id')]

    def files(self) -> dict[str, bytes | None]:
        """Every path below the project with its bytes (None for what is no file)."""
        return files_below(self.root)


def finish(process: subprocess.Popen[str]) -> Done:
    """Wait for what ``Project.start`` began."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except BaseException:
        process.kill()
        raise
    return Done(tuple(str(a) for a in process.args[3:]), process.returncode, out, err)  # type: ignore[index]


def content(path: Path, *, without: frozenset[str] = frozenset()) -> tuple[object, ...]:
    """Schema and rows of the database at ``path`` as one comparable value; empty where there is no file."""
    if not path.exists():
        return ((), ())
    with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as conn:
        schema = [
            tuple(r)
            for r in conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, tbl_name")
            if r[2] not in without and not r[1].startswith("sqlite_sequence")
        ]
        rows = []
        for kind, name, _, sql in schema:
            if kind == "table" and "VIRTUAL" not in (sql or "").upper():
                quoted = name.replace('"', '""')
                read = conn.execute(f'SELECT * FROM "{quoted}"').fetchall()
                rows.append((name, tuple(sorted(read, key=repr))))
    return tuple(schema), tuple(rows)


def files_below(root: Path) -> dict[str, bytes | None]:
    """Every path below ``root`` with its bytes (None for what is no file)."""
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
