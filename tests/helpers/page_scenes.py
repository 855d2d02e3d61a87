"""Where the commands of each page of the documentation are typed: the folder with its files and databases."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import cli
import other_ledgers
import page_commands
import reference_project
import shell
from cli import Project
from page_commands import Command, Written
from places import ROOT

ELSEWHERE = {
    "docs/frameworks.md": "tests/library/test_frameworks.py",
    "docs/runbook.md": "tests/promises/test_runbook.py",
    "docs/teams.md": "tests/promises/test_teams.py",
}
"""Pages whose commands another test runs."""

_SQLITE3 = f"""#!{sys.executable}
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.argv[2])
connection.commit()
"""
_INVOICES = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
CREATE TABLE invoice (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id), total INTEGER NOT NULL
);
CREATE INDEX invoice_customer ON invoice (customer_id);
INSERT INTO customer VALUES (1, 'ana@example.com');
INSERT INTO invoice VALUES (1, 1, 4200);
"""
_GIT = ("git init -q -b main", "git add -A", "git commit -q -m 'The project'")


def environment(folder: Path) -> dict[str, str]:
    """The variables of the person who types: git knows them, and where the machine has no sqlite3 there is one."""
    variables = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        variables |= {f"GIT_{who}_NAME": "Ana", f"GIT_{who}_EMAIL": "ana@example.com"}
    if shutil.which("sqlite3") is None:
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "sqlite3").write_text(_SQLITE3, encoding="utf-8")
        (programs / "sqlite3").chmod(0o755)
        variables["PATH"] = f"{programs}:{Path(sys.executable).parent}:{cli.clean_environment()['PATH']}"
    return variables


def furnish(page: str, folder: Path) -> Path:
    """Put into ``folder`` what ``page`` takes for granted, and return the folder where its reader is."""
    return _SCENES.get(page, _reference)(folder)


def before(page: str, step: Command, folder: Path) -> Path:
    """Do what happens before ``step`` without the reader, and return the folder where the reader is then."""
    prepare = _BEFORE.get((page, step.words))
    return folder if prepare is None else (prepare(folder) or folder)


def _empty(folder: Path) -> Path:
    return folder


def _reference(folder: Path) -> Path:
    """The reference project with a migrated database and the rows of an application, in git."""
    root = folder / "project"
    root.mkdir()
    reference_project.copy_to(root)
    shutil.copytree(ROOT / "models", root / "models")
    shutil.copy(ROOT / "tasks.py", root)
    (root / "setup.cfg").write_text("[memsql]\ndatabase = memory.db\n", encoding="utf-8")
    (root / ".gitignore").write_text("memory.db*\nbackups/\n", encoding="utf-8")
    cli.run("migrate.up", "-q", cwd=root).expect(0)
    _in_git(root)
    return root


def _in_git(root: Path) -> None:
    for line in _GIT:
        assert shell.run(line, cwd=root, environment=environment(root.parent)).code == 0


def _shop(folder: Path) -> Path:
    """The project of docs/start/laptop.md with its first migration, in git; memory.db has it."""
    root = folder / "shop"
    project = Project(root)
    page = "docs/start/laptop.md"
    for step in page_commands.steps(page, (ROOT / page).read_text(encoding="utf-8")):
        if isinstance(step, Written) and "0001_products" in step.path:
            (root / step.path).parent.mkdir(parents=True, exist_ok=True)
            (root / step.path).write_text(step.text, encoding="utf-8")
    _write(
        root,
        {".gitignore": "*.db*\nbackups/\n", "sql/queries/cheap.sql": "SELECT id FROM product WHERE price < :price;\n"},
    )
    shutil.copy(ROOT / "tasks.py", root)
    project.run("migrate.sum", "-q").expect(0)
    project.up("-q")
    project.run("schema.dump", "--write", "-q").expect(0)
    _in_git(root)
    return root


def _shop_with_pending(folder: Path) -> Path:
    """The same with a second migration, and production.db without it, with two products."""
    root = _shop(folder)
    project = Project.at(root)
    shutil.copy(root / "memory.db", root / "production.db")
    _fill(
        root / "production.db",
        "INSERT INTO product (name, price, origin) VALUES ('tea', 3, 'Assam'), ('cup', 9, 'Delft')",
    )
    project.add(
        "0002_discounts",
        "-- Discounts\n-- depends: 0001_products\n\n"
        "ALTER TABLE product ADD COLUMN discount INTEGER NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND 100);\n",
        "-- Undo 0002_discounts\n-- allow: data-loss product.discount there is none without this column\n\n"
        "ALTER TABLE product DROP COLUMN discount;\n",
    )
    project.run("migrate.sum", "-q").expect(0)
    return root


def _invoices(folder: Path) -> Path:
    """Three databases without a ledger; one of them lacks a column."""
    root = folder / "invoices"
    root.mkdir()
    for name in ("app.db", "staging.db", "strange.db"):
        _fill(root / name, _INVOICES)
    _fill(root / "strange.db", "ALTER TABLE invoice DROP COLUMN total")
    return root


def _fill(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript(sql)
        conn.commit()


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _team(folder: Path) -> None:
    """What the README asks its reader to write."""
    pair = {"sql": "CREATE TABLE team (id INTEGER PRIMARY KEY);\n", "rollback.sql": "DROP TABLE team;\n"}
    for ending, text in pair.items():
        (folder / "migrations" / f"0001_team.{ending}").write_text(f"-- Teams\n{text}", encoding="utf-8")


def _beside(name: str) -> Callable[[Path], Path]:
    """An empty folder beside that of the reader."""

    def go(folder: Path) -> Path:
        (folder.parent / name).mkdir()
        return folder.parent / name

    return go


def _with_app_database(folder: Path) -> Path:
    there = _beside("another")(folder)
    _fill(there / "app.db", _INVOICES)
    return there


def _with_dbmate(folder: Path) -> Path:
    there = _beside("dbmate")(folder)
    tables = {"20240101120000": "team", "20240201120000": "member"}
    for version, table in tables.items():
        up = f"CREATE TABLE {table} (id INTEGER);"
        text = f"-- migrate:up\n{up}\n\n-- migrate:down\nDROP TABLE {table};\n"
        _write(there, {f"db/migrations/{version}_{table}.sql": text})
        _fill(there / "app.db", up)
    applied = ", ".join(f"('{version}')" for version in tables)
    _fill(there / "app.db", f"CREATE TABLE schema_migrations (version); INSERT INTO schema_migrations VALUES {applied}")
    return there


def _goose(folder: Path, where: str) -> None:
    for name, up in {"0001_team": "team", "0002_member": "member", "0003_motto": "motto"}.items():
        text = f"-- +goose Up\nCREATE TABLE {up} (id INTEGER);\n-- +goose Down\nDROP TABLE {up};\n"
        _write(folder, {f"{where}/{name}.sql": text})


def _with_goose_ledger(folder: Path) -> Path:
    there = _beside("goose-ledger")(folder)
    _goose(there, "goose")
    cli.run("init", "-q", cwd=there).expect(0)
    cli.run("import", "goose", "goose", "-q", cwd=there).expect(0)
    _fill(there / "memory.db", "CREATE TABLE team (id INTEGER); CREATE TABLE member (id INTEGER)")
    _fill(
        there / "memory.db",
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER, tstamp TEXT);"
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1)",
    )
    return there


def _with_goose_files(folder: Path) -> Path:
    there = _beside("goose-files")(folder)
    _goose(there, "migrations")
    _write(there, {"setup.cfg": "[memsql]\n"})
    return there


def _with_dbmate_project(folder: Path) -> Path:
    there = _with_dbmate(folder)
    _write(there, {"setup.cfg": "[memsql]\n"})
    return there


def _league(folder: Path) -> Path:
    (folder / "league").mkdir()
    return folder / "league"


def _production(folder: Path) -> Path:
    return _with_production(_reference(folder.parent))


def _with_production(folder: Path) -> Path:
    with (folder / "setup.cfg").open("a", encoding="utf-8") as file:
        file.write("[memsql:production]\ndatabase = memory.db\n")
    return folder


def _dumped(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "memory.db")) as conn:
        (folder / "saved.sql").write_text("\n".join(conn.iterdump()), encoding="utf-8")


def _added_notes(folder: Path) -> None:
    for ending in ("sql", "rollback.sql"):
        _write(folder, {f"migrations/0005_add_notes.{ending}": "-- Nothing yet\nSELECT 1;\n"})


def _with_fresh_sum(folder: Path) -> None:
    cli.run("migrate.sum", "-q", cwd=folder).expect(0)


def _origin(folder: Path) -> None:
    for line in ("git remote add origin .", "git fetch -q origin main:refs/remotes/origin/release"):
        assert shell.run(line, cwd=folder, environment=environment(folder.parent)).code == 0


def _backed_up(folder: Path) -> None:
    cli.run("backup", "-q", cwd=folder).expect(0)


def _float32(folder: Path) -> None:
    for path in (ROOT / "examples" / "float32_embeddings").glob("*.*"):
        where = "sql/checks" if "in_step" in path.name else "migrations" if path.suffix == ".sql" else "."
        shutil.copy(path, folder / where)


def _of_other_tool(folder: Path) -> None:
    """Make app.db, to which the tool of the page applied the migration of the page; the page has imported its file."""
    word = folder.name
    if word == "yoyo":
        words = ("apply", "--batch", "--database", "sqlite:///app.db", "migrations-of-yoyo")
        cli.run(*words, cwd=folder, program="yoyo").expect(0)
        return
    (up,) = (path for path in (folder / "migrations").glob("*.sql") if ".rollback" not in path.name)
    database = folder / "app.db"
    _fill(database, up.read_text(encoding="utf-8"))
    for statement in other_ledgers.TABLES[word]:
        _fill(database, statement)
    with closing(sqlite3.connect(database)) as conn:
        conn.execute(_LEDGER_ROWS[word], _hashes_of(folder, word))
        conn.commit()


def _hashes_of(folder: Path, word: str) -> dict[str, object]:
    """What some tools keep of the file: its hash by SHA-256 and by SHA-384."""
    files = {"sqlx": "*/*.up.sql", "drizzle": "drizzle/*.sql", "prisma": "prisma/*/*/*.sql"}
    contents = [path.read_bytes() for path in folder.glob(files.get(word, "none"))]
    content = contents[0] if contents else b""
    return {"sha256": hashlib.sha256(content).hexdigest(), "sha384": hashlib.sha384(content).digest()}


_LEDGER_ROWS = {
    "alembic": "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
    "d1": "INSERT INTO d1_migrations (name) VALUES ('0001_team.sql')",
    "dbmate": "INSERT INTO schema_migrations VALUES ('20240101120000')",
    "diesel": "INSERT INTO __diesel_schema_migrations (version) VALUES ('20240101120000')",
    "drizzle": "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (:sha256, 1704110400000)",
    "flyway": "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by, "
    "execution_time, success) VALUES (1, '1', 'team', 'SQL', 'V1__team.sql', 'ana', 5, 1)",
    "golang-migrate": "INSERT INTO schema_migrations VALUES (1, 0)",
    "goose": "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1)",
    "prisma": "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) "
    "VALUES ('a', :sha256, '2024-01-01', '20240101120000_team', 1)",
    "sql-migrate": "INSERT INTO gorp_migrations VALUES ('1_team.sql', '2024-01-01')",
    "sqlx": "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) "
    "VALUES (1, 'team', 1, :sha384, 5)",
}


def _named(word: str) -> Callable[[Path], Path]:
    def go(folder: Path) -> Path:
        (folder / word).mkdir()
        return folder / word

    return go


_TOOLS = sorted(path.stem for path in (ROOT / "docs" / "coming-from").glob("*.md"))
_SCENES: dict[str, Callable[[Path], Path]] = {
    "README.md": _empty,
    "docs/authoring.md": _league,
    "docs/cli.md": _shop,
    "docs/import.md": lambda folder: _with_dbmate_project(_league(folder)),
    "docs/monitoring.md": _shop,
    "docs/review.md": _shop,
    "docs/start/laptop.md": _empty,
    "docs/start/pull-request.md": _shop,
    "docs/start/production.md": _shop_with_pending,
    "docs/start/existing-database.md": _invoices,
    **{f"docs/coming-from/{word}.md": _named(word) for word in _TOOLS},
}
_BEFORE: dict[tuple[str, str], Callable[[Path], Path | None]] = {
    ("README.md", "memsql migrate.sum"): _team,
    ("README.md", "memsql init --from app.db"): _with_app_database,
    ("README.md", "memsql import dbmate db/migrations --dry-run"): _with_dbmate_project,
    ("README.md", "MEMSQL_ENV=production memsql backup migrate --yes verify"): _production,
    ("docs/authoring.md", "memsql init --from app.db"): _with_app_database,
    ("docs/authoring.md", "invoke schema.diff"): lambda folder: _reference(folder.parent),
    ("docs/backup.md", "invoke backup.restore saved.sql --unproven --to look.db"): _dumped,
    ("docs/import.md", "memsql migrate.up"): _with_goose_ledger,
    ("docs/import.md", "mv migrations goose && memsql import goose goose"): _with_goose_files,
    ("docs/monitoring.md", "invoke monitor.health --env production"): _with_production,
    ("docs/monitoring.md", "memsql backup.drill --record"): _backed_up,
    ("docs/review.md", "memsql lint --fix migrations/0005_add_notes.sql"): _added_notes,
    ("docs/review.md", "memsql review"): _with_fresh_sum,
    ("docs/review.md", "memsql review --base origin/release --format markdown"): _origin,
    ("docs/embeddings.md", "memsql migrate.sum"): _float32,
    **{(f"docs/coming-from/{word}.md", "memsql migrate.status --database app.db"): _of_other_tool for word in _TOOLS},
}
