"""Commands on databases of the reference project, whose migrations and SQL lie in the root of the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import cli
from places import ROOT

REBUILD = """-- Rebuild users so that its name is never NULL
{directive}
CREATE TABLE users_new (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL DEFAULT '', organization TEXT,
        api_key_hash TEXT,
    oauth_provider TEXT, oauth_id TEXT, is_active BOOLEAN DEFAULT 1, metadata TEXT, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
INSERT INTO users_new SELECT id, email, coalesce(name, ''), organization, api_key_hash, oauth_provider,
    oauth_id, is_active,
    metadata, created_at, updated_at FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_users_api_key_hash ON users (api_key_hash);
"""


def copy_to(folder: Path) -> None:
    """Put its migrations and its SQL into the project ``folder``: as files, because memsql follows no links."""
    for name in ("migrations", "sql"):
        shutil.copytree(ROOT / name, folder / name)


def memsql(database: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return _completed(cli.run(*words, "--project", str(ROOT), "--database", str(database), cwd=database.parent))


def memsql_in(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return _completed(cli.run(*words, cwd=project))


def succeed(database: Path, *words: str) -> str:
    done = memsql(database, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def memsql_json(database: Path, *words: str) -> dict[str, Any]:
    return cli.run(*words, "--json", "--project", str(ROOT), "--database", str(database), cwd=database.parent).json()


def _completed(done: cli.Done) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(done.words, done.code, done.out, done.err)
