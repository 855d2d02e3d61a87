"""The texts of the files that ``init`` writes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

TASKS = '''"""The Invoke entry point."""

from memsql.tasks import ns

__all__ = ["ns"]
'''
TASKS_SNIPPET = """from memsql.tasks import ns
# and each task of your own behind its definition: ns.add_task(NAME)
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a project lies in its repository: ``prefix`` is its folder ("" or "services/db/"), ``folders`` are those
    with migrations and SQL below it."""

    prefix: str
    folders: tuple[str, ...]

    @property
    def option(self) -> str:
        """The words that name the project in a command from the top of the repository; empty where none are needed."""
        return f" --project {shlex.quote(self.prefix.rstrip('/'))}" if self.prefix else ""


def gitignore_lines(database: str | None, backups: str | None) -> tuple[tuple[str, str], ...]:
    """The patterns of a .gitignore, each with the path that it is for: the ``database`` and what SQLite writes beside
    it, the folder ``backups``, and the file with secrets. The paths are relative to the project; None for what lies
    elsewhere."""
    files = [f"{database}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")] if database else []
    patterns = [(f"/{_escaped(path)}", path) for path in files]
    if backups:
        patterns.append((f"/{_escaped(backups)}/", f"{backups}/"))
    return (*patterns, (".env", ".env"))


def _escaped(path: str) -> str:
    """``path`` in a .gitignore: its characters that match others are quoted; no pattern can hold a line break."""
    quoted = re.sub(r"([\\*?\[])", r"\\\1", path)
    quoted = re.sub(r"[\r\n]", "?", quoted)
    return re.sub(r" $", r"\\ ", quoted)


def workflow(layout: Layout) -> str:
    """A workflow of GitHub Actions that reviews the migrations of pull requests."""
    paths = ", ".join(json.dumps(f"{layout.prefix}{folder}/**", ensure_ascii=False) for folder in layout.folders)
    command = f"memsql review{layout.option} --base"
    return f"""\
# Runs the changed migrations of a pull request on databases in memory, and says what to look at.
name: SQL review

on:
  pull_request:
    paths: [{paths}]

permissions: {{}}

jobs:
  review:
    name: SQL review
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v7
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@v7
        with:
          python-version: "3.13"
      - name: Install
        run: python -m pip install --quiet --disable-pip-version-check 'memsql-migrate[lint]'
      - name: Review
        env:
          BASE: ${{{{ github.base_ref }}}}
        run: |
          set +e
          {command} "origin/$BASE" --format github --output "$RUNNER_TEMP/review.md"
          code=$?
          if [ -f "$RUNNER_TEMP/review.md" ]; then
            cat "$RUNNER_TEMP/review.md" >> "$GITHUB_STEP_SUMMARY"
          fi
          exit "$code"
"""


def pre_commit(layout: Layout) -> str:
    """The configuration of pre-commit: lint of the files that are committed, and memsql.sum. A hook runs the memsql
    that is installed, so that a commit is judged like everything else."""
    return "repos:\n" + pre_commit_snippet(layout)


def pre_commit_snippet(layout: Layout) -> str:
    """The part of it that belongs below ``repos:``."""
    folders, prefix = _either(layout.folders), re.escape(layout.prefix)
    return f"""\
  - repo: local
    hooks:
      - id: memsql-lint
        name: memsql lint
        entry: memsql lint{layout.option}
        language: system
        files: ^{prefix}{folders}/.*\\.sql$
        require_serial: true
      - id: memsql-sum
        name: memsql.sum is fresh
        entry: memsql migrate.sum --check{layout.option}
        language: system
        files: ^{prefix}{_either(layout.folders[:1])}/
        pass_filenames: false
"""


def _either(folders: Sequence[str]) -> str:
    names = [re.escape(folder) for folder in folders]
    return names[0] if len(names) == 1 else f"({'|'.join(names)})"
