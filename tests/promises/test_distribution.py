"""The distribution is called memsql-migrate: on the package index the name memsql belongs to another product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from places import ROOT

import memsql

# Everything that a user reads or runs. Tests are left out: they hold the wrong names as examples.
PLACES = (
    "*.md",
    "*.py",
    "*.yaml",
    "setup.cfg",
    ".pre-commit-*.yaml",
    ".ci/*",
    ".github/**/*",
    "docs/**/*.md",
    "memsql/**/*.py",
    "memsql/**/*.cfg",
    "benchmarks/**/*.py",
)

# A command that installs or runs a distribution, up to the end of that command.
INSTALLER = re.compile(
    r"\b(?:pip3?|pipx|uv)\s+(?:tool\s+)?(?:install|run|add|download)\b[^|;&`)#\n]*|\buvx\b[^|;&`)#\n]*"
)
BARE_NAME = re.compile(r"(?<![\w./-])memsql(?![\w/-])")
BARE_EXTRA = re.compile(r"(?<![\w./-])memsql\[\w")


def wrong_names(text: str) -> list[str]:
    """The parts of ``text`` that would install the other product: ``pip install memsql`` and ``memsql[lint]``."""
    commands = [command for command in INSTALLER.findall(text) if BARE_NAME.search(command)]
    return commands + BARE_EXTRA.findall(text)


def setup() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def files() -> Iterator[Path]:
    for pattern in PLACES:
        yield from (path for path in ROOT.glob(pattern) if path.is_file() and "__pycache__" not in path.parts)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("pip install memsql", 1),
        ("run `python3 -m pip install -U memsql` first", 1),
        ("pip install 'memsql>=0.1'", 1),
        ("pip install 'memsql[lint]'", 2),
        ("the extra memsql[metrics]", 1),
        ("uvx memsql migrate.status", 1),
        ("pipx install memsql", 1),
        ("uv tool install memsql", 1),
        ("pip install memsql-migrate", 0),
        ("pip install memsql-migrate  # the command is memsql", 0),
        ("pip install 'memsql-migrate[lint]' && memsql lint", 0),
        ("python3 -m pip install . && memsql migrate.up", 0),
        ("pip install git+https://github.com/OWNER/memsql", 0),
        ("uvx memsql-migrate migrate.status", 0),
        ("[memsql]\n[memsql:production]", 0),
    ],
)
def test_wrong_names_are_recognised(text: str, count: int) -> None:
    assert len(wrong_names(text)) == count


def test_nothing_tells_anybody_to_install_the_other_product() -> None:
    paths = list(files())
    assert {"README.md", "setup.cfg", "sql-review.yml", "review.md", "zstd.py"} <= {path.name for path in paths}
    wrong = {str(path.relative_to(ROOT)): wrong_names(path.read_text(encoding="utf-8")) for path in paths}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_review_workflow_installs_the_distribution() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "sql-review.yml").read_text(encoding="utf-8"))
    # YAML 1.1 reads the key "on" as true.
    assert workflow[True]["workflow_call"]["inputs"]["memsql"]["default"] == setup()["metadata"]["name"]


def test_the_metadata_name_the_project() -> None:
    metadata = setup()["metadata"]
    assert metadata["name"] == "memsql-migrate"
    assert metadata["version"] == "attr: memsql.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", memsql.__version__)
    assert metadata["author"] == "memsql contributors"
    addresses = [metadata["url"], *(line.partition(" = ")[2] for line in lines(metadata["project_urls"]))]
    assert {address.split("/memsql")[0] for address in addresses} == {"https://github.com/OWNER"}


def test_both_commands_start_the_same_main() -> None:
    scripts = dict(line.split(" = ") for line in lines(setup()["options.entry_points"]["console_scripts"]))
    assert scripts == {"memsql": "memsql.__main__:main", "memsql-migrate": "memsql.__main__:main"}
