"""What GitHub and pre-commit run: the files parse, and their shell does what it says, tried with an API of our own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli import clean_environment
from places import ROOT
from repositories import commit, git, library

WORKFLOW = ROOT / ".github" / "workflows" / "sql-review.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
TOKEN = "ghs_secret"


def workflow() -> dict[Any, Any]:
    report = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert isinstance(report, dict)
    return report


def step(name: str) -> dict[str, Any]:
    (named,) = [s for s in workflow()["jobs"]["review"]["steps"] if s.get("name") == name]
    assert isinstance(named, dict)
    return named


@dataclass
class Api:
    """The comments of one pull request, a hundred a page, as GitHub serves them."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    def serve(self) -> ThreadingHTTPServer:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, code: int, what: object) -> None:
                body = json.dumps(what).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _take(self) -> dict[str, Any]:
                report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert isinstance(report, dict)
                return report

            def _note(self) -> bool:
                api.requests.append((self.command, self.path, self.headers["Authorization"]))
                return self.headers["Authorization"] == f"Bearer {TOKEN}"

            def do_GET(self) -> None:
                if not self._note():
                    return self._answer(401, {})
                page = int(re.findall(r"[?&]page=(\d+)", self.path)[0])
                return self._answer(200, api.comments[(page - 1) * 100 : page * 100])

            def do_POST(self) -> None:
                self._note()
                api.comments.append({"id": len(api.comments) + 1, "user": {"type": "Bot"}, **self._take()})
                self._answer(201, {})

            def do_PATCH(self) -> None:
                self._note()
                number = int(self.path.rpartition("/")[2])
                next(c for c in api.comments if c["id"] == number).update(self._take())
                self._answer(200, {})

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server


@pytest.fixture
def api() -> Iterator[Api]:
    github = Api()
    server = github.serve()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield github
    server.shutdown()
    server.server_close()
    thread.join()


def bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """As a runner does it: bash -e -o pipefail on a file."""
    file = folder / "step.sh"
    file.write_text(script, encoding="utf-8")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        env={**clean_environment(), "RUNNER_TEMP": str(folder), **variables},
    )


def comment(
    api: Api, folder: Path, body: str, *, token: str = TOKEN, project: str = "."
) -> subprocess.CompletedProcess[str]:
    (folder / "review.md").write_text(body, encoding="utf-8")
    return bash(
        step("Comment")["run"],
        folder,
        GITHUB_API_URL=api.url,
        GITHUB_REPOSITORY="o/r",
        NUMBER="7",
        TOKEN=token,
        PROJECT=project,
    )


needs_tools = pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("curl")), reason="the runner has jq and curl, this machine has not"
)


@needs_tools
def test_one_comment_is_made_and_then_kept_up_to_date(api: Api, tmp_path: Path) -> None:
    text = 'first "quoted" \\ $(touch x) `y` \n| é😀 |\n'
    assert comment(api, tmp_path, text).returncode == 0
    assert api.comments == [{"id": 1, "user": {"type": "Bot"}, "body": f"<!-- memsql sql review: . -->\n{text}"}]
    assert comment(api, tmp_path, "second\n").returncode == 0
    assert [c["body"] for c in api.comments] == ["<!-- memsql sql review: . -->\nsecond\n"]
    assert [a[0] for a in api.requests] == ["GET", "POST", "GET", "PATCH"]
    assert not (tmp_path / "x").exists()
    # Another project of the repository has its own.
    assert comment(api, tmp_path, "other\n", project="db").returncode == 0
    assert len(api.comments) == 2


@needs_tools
def test_comments_of_others_are_left_alone_on_every_page(api: Api, tmp_path: Path) -> None:
    marker = "<!-- memsql sql review: . -->\n"
    api.comments += [{"id": i, "user": {"type": "User"}, "body": f"{marker}{i}"} for i in range(1, 205)]
    api.comments.append({"id": 205, "user": {"type": "Bot"}, "body": f"quoted {marker}"})
    api.comments.append({"id": 206, "user": {"type": "Bot"}, "body": marker})
    assert comment(api, tmp_path, "new\n").returncode == 0
    assert api.comments[-1]["body"] == f"{marker}new\n"
    assert len(api.comments) == 206
    assert [a[1].rpartition("=")[2] for a in api.requests if a[0] == "GET"] == ["1", "2", "3"]


@needs_tools
def test_a_wrong_token_fails_and_is_not_shown(api: Api, tmp_path: Path) -> None:
    done = comment(api, tmp_path, "x\n", token="ghs_other")
    assert done.returncode != 0
    assert "ghs_other" not in done.stdout + done.stderr
    assert api.comments == []


def test_a_long_report_fits_into_a_comment(tmp_path: Path) -> None:
    from memsql.report.markdown import LIMIT

    assert LIMIT + len("<!-- memsql sql review: . -->\n") < 65_536


@pytest.mark.slow
@pytest.mark.parametrize(
    ("up", "code"), [("CREATE TABLE a (id INTEGER PRIMARY KEY);\n", 0), ("DELETE FROM books;\n", 1), (None, 2)]
)
def test_the_review_step(tmp_path: Path, up: str | None, code: int) -> None:
    project = library(tmp_path / "project")
    git(project.root, "remote", "add", "origin", str(project.root))
    base = "no'where" if up is None else "main"
    if up is not None:
        git(project.root, "fetch", "-q", "origin")
        project.add("0003_a", f"-- x\n-- depends: 0002_search\n{up}", "-- y\nDROP TABLE IF EXISTS a;\n")
        project.run("migrate.sum").expect(0)
        project.run("schema.dump", "--write")
        commit(project)
    output, summary = tmp_path / "output", tmp_path / "summary"
    done = bash(
        step("Review")["run"],
        tmp_path,
        PROJECT=str(project.root),
        BASE=base,
        GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary),
        PATH=f"{_bin(tmp_path)}:{os.environ['PATH']}",
    )
    assert done.returncode == (code if code > 1 else 0), done.stdout + done.stderr
    if code < 2:
        assert output.read_text() == f"code={code}\n"
        assert summary.read_text(encoding="utf-8").startswith("## SQL review: ")
        assert json.loads((tmp_path / "sql-review.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    verdict = bash(step("Verdict")["run"], tmp_path, CODE=str(code))
    assert verdict.returncode == code


def _bin(folder: Path) -> Path:
    """A folder with the command memsql of these tests."""
    import sys

    programs = folder / "bin"
    programs.mkdir()
    (programs / "memsql").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m memsql \"$@\"\n")
    (programs / "memsql").chmod(0o755)
    return programs


def test_nothing_of_an_event_is_written_into_a_script() -> None:
    job = workflow()["jobs"]["review"]
    for one in job["steps"]:
        assert "${{" not in one.get("run", ""), one["name"]
        assert subprocess.run(["bash", "-n", "-c", one.get("run", "")], check=False).returncode == 0
    assert workflow()["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    # YAML reads the key `on` as true.
    assert set(workflow()[True]) == {"pull_request", "workflow_call"}
    assert "secrets." not in WORKFLOW.read_text()
    assert "github.event.pull_request.head.repo.full_name == github.repository" in step("Comment")["if"]
    for one in job["steps"]:
        if "if" in one:
            # An input that is not there is null, which equals false.
            assert "== false" not in one["if"]
            assert "== null" not in one["if"]


@pytest.mark.slow
def test_hooks_run_as_pre_commit_runs_them(tmp_path: Path) -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text())}
    assert set(hooks) == {"memsql-lint", "memsql-sum", "memsql-review"}
    project = library(tmp_path)
    files = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*")) if p.is_file() and ".git/" not in str(p)]
    for hook in hooks.values():
        assert hook["language"] == "python"
        chosen = [f for f in files if re.search(hook["files"], f)]
        assert chosen
        words = hook["entry"].split()
        assert words[0] == "memsql"
        arguments = chosen if hook.get("pass_filenames", True) else []
        project.run(*words[1:], *arguments).expect(0)
    project.add("0003_a", "DELETE FROM books;\n")
    project.run("migrate.sum", "--check").expect(1)
    project.run("lint", "migrations/0003_a.sql").expect(1)
    project.run("review").expect(1)
