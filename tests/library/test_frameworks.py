"""Every block of docs/frameworks.md runs, with the framework itself."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from blocks import write_files
from cli import Project
from places import ROOT

PAGE = ROOT / "docs" / "frameworks.md"
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files of the page."""
    write_files(PAGE, tmp_path)
    (tmp_path / "my_app/__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module ``name`` of the page, imported anew."""
    for other in [other for other in sys.modules if other.split(".")[0] in (name, "my_app")]:
        monkeypatch.delitem(sys.modules, other)
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    return module


def test_fastapi(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from httpx import ASGITransport, AsyncClient

    app = load("fastapi_app", monkeypatch).app

    async def main() -> tuple[str, object]:
        client = AsyncClient(transport=ASGITransport(app), base_url="http://test")
        async with app.router.lifespan_context(app), client:
            assert (await client.post("/notes", params={"body": "one"})).status_code == 200
            return app.state.migrated.outcome, (await client.get("/notes")).json()

    assert asyncio.run(main()) == ("migrated", ["one"])
    assert asyncio.run(main()) == ("current", ["one", "one"])


def test_aiohttp(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiohttp.test_utils import TestClient, TestServer

    module = load("aiohttp_app", monkeypatch)

    async def main() -> str:
        app = module.create_app()
        async with TestClient(TestServer(app)) as client:
            assert await (await client.get("/notes")).json() == []
            return str(app[module.MIGRATED].outcome)

    assert [asyncio.run(main()), asyncio.run(main())] == ["migrated", "current"]


def test_flask(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("flask_app", monkeypatch)
    client = module.create_app(str(folder / "flask.db")).test_client()
    assert not (folder / "flask.db").exists()
    assert client.get("/notes").json == []
    assert client.get("/notes").json == []


DJANGO = """
import json, sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

BASE_DIR = Path.cwd()
exec(Path("settings.py").read_text()) if sys.argv[1] == "alias" else None
if sys.argv[1] == "file":
    DATABASES, DATABASE_ROUTERS = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "one.db"}}, []
else:
    app = Path("notes/apps.py")
    app.write_text(app.read_text().replace("connections[using]", 'connections["notes"]'))
APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
settings.configure(INSTALLED_APPS=APPS, DATABASES=DATABASES, DATABASE_ROUTERS=DATABASE_ROUTERS, USE_TZ=True)
django.setup()
if sys.argv[1] == "file":
    # Django was here first.
    call_command("migrate", verbosity=0)
from django.apps import apps

apps.set_installed_apps([*APPS, "notes.apps.NotesConfig"])
call_command("migrate", verbosity=0)
call_command("migrate", verbosity=0)
from notes.models import Note

Note.objects.create(body="hello")
from django.db import connections

names = {}
for alias in DATABASES:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names[alias] = sorted({row[0] for row in cursor.fetchall()} & {"notes", "auth_user", "schema_migrations"})
call_command("makemigrations", "--check", "--dry-run", verbosity=0)
print(json.dumps([names, [note.body for note in Note.objects.all()]]))
"""


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        ("file", {"default": ["auth_user", "notes", "schema_migrations"]}),
        ("alias", {"default": ["auth_user"], "notes": ["notes", "schema_migrations"]}),
    ],
)
def test_django(folder: Path, kind: str, tables: dict[str, list[str]]) -> None:
    (folder / "notes/__init__.py").touch()
    (folder / "run.py").write_text(DJANGO)
    done = subprocess.run([sys.executable, "run.py", kind], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [tables, ["hello"]]


def test_sqlalchemy(folder: Path) -> None:
    project = Project(folder, database="app.db")
    project.add(
        "0001_notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);\n", "DROP TABLE notes;\n"
    )
    project.run("migrate.sum").expect(0)
    (folder / "sql").mkdir(exist_ok=True)
    written = subprocess.run([sys.executable, "models.py"], capture_output=True, text=True, check=True, cwd=folder)
    (folder / "sql/schema.sql").write_text(written.stdout)
    project.run("migrate.create", "add_colour", "--from", "sql/schema.sql").expect(0)
    subprocess.run([sys.executable, "database.py"], check=True, cwd=folder)
    assert project.query("SELECT body, colour FROM notes") == [("hello", "white")]
    assert project.applied() == ["0001_notes", "0002_add_colour"]
