"""Pages and forms for people: links lead somewhere, the changelog has its form, GitHub can show the forms."""

from __future__ import annotations

import re
from configparser import ConfigParser
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT

import memsql

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/*.md")])
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def without_code(text: str) -> str:
    """``text`` without fenced and indented code and code in a line."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(?: {4}|\t).*$|`[^`\n]+`", "", text, flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of ``page``: lower case, hyphens for blanks, other signs left out."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        address, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_of_the_repository_exist(page: Path) -> None:
    """Paths such as ``memsql/sql/operate``; those with a placeholder in capitals name no file."""
    words = re.findall(r"`((?:memsql|tests|benchmarks|docs|\.github)/[\w./-]*)`", page.read_text(encoding="utf-8"))
    assert [word for word in words if not re.search(r"[A-Z]{3}", word) and not (ROOT / word).exists()] == []


def test_the_readme_names_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT).as_posix() for path in PAGES if path.parent in (ROOT, ROOT / "docs")]
    assert [page for page in pages if page != "README.md" and f"]({page})" not in readme] == []


def test_the_changelog_is_one_that_tools_can_read() -> None:
    """https://keepachangelog.com/en/1.1.0/: Unreleased first, then versions with their dates, the newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    releases = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    assert all(releases)
    versions = [release[1] for release in releases if release]
    dates = [date.fromisoformat(release[2]) for release in releases if release]
    assert versions == sorted(versions, key=lambda version: [int(n) for n in version.split(".")], reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert memsql.__version__ in versions
    groups = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= groups
    for name in ("Unreleased", *versions):
        assert re.search(rf"^\[{re.escape(name)}\]: https://github\.com/OWNER/memsql/", text, re.MULTILINE), name


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_github_can_show_the_form(path: Path) -> None:
    """https://docs.github.com/en/communities > "Syntax for issue forms"."""
    form = load(path)
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert any(field["validations"]["required"] for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["options"] for field in fields if field["type"] == "dropdown")


def test_a_weakness_is_not_reported_in_public() -> None:
    config = load(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")
    address = "https://github.com/OWNER/memsql/security/advisories/new"
    assert config["blank_issues_enabled"] is False
    assert address in [link["url"] for link in config["contact_links"]]
    assert address in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_hooks_install_what_the_extra_installs() -> None:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    (lint,) = [hook for hook in load(ROOT / ".pre-commit-hooks.yaml") if hook["id"] == "memsql-lint"]
    extra = setup["options.extras_require"]["lint"].split()
    assert "".join(lint["additional_dependencies"]) == "".join(extra)


def test_a_commit_is_judged_by_what_is_installed() -> None:
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    commands = {hook["entry"].partition(" --fix")[0] for hook in repository["hooks"]}
    assert commands == {
        "ruff check",
        "ruff format",
        "mypy",
        "lint-imports",
        "memsql lint",
        "memsql migrate.sum --check",
    }
