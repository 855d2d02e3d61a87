"""A project with two migrations applied, one pending."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_files import NOTES, TAGS, USERS
from cli import Project


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Versions 10 and 20 applied, 30 waiting."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0010_users", USERS, "-- allow: data-loss users a test\nDROP TABLE users;\n")
    project.add("0020_notes", NOTES, "DROP TABLE notes;\n")
    project.up()
    project.add("0030_tags", TAGS, "DROP TABLE tags;\n")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)
