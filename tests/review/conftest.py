"""A project in a repository, with migrations that are merged."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from repositories import library


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path / "project")
