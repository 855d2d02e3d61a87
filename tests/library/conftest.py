"""The project that most tests of the library migrate."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two migrations, the second with a foreign key to the first; no database yet."""
    project = Project(tmp_path / "project")
    project.add("0001_users", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n", "DROP TABLE users;\n")
    project.add("0002_notes", "CREATE TABLE notes (user INTEGER REFERENCES users);\n", "DROP TABLE notes;\n")
    return project
