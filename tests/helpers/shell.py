"""Lines of a page as a shell runs them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import cli
import measured
from cli import Done

_ASSIGNMENT = re.compile(r"[A-Z_]+=")
# What a shell does more than cut a line into words.
_SYNTAX = re.compile(r"[|&;<>()$`\\*?\[#~!{\n]")


def run(line: str, *, cwd: Path, environment: Mapping[str, str]) -> Done:
    """Run ``line`` in the folder ``cwd`` to its end, with ``environment`` added to that of the tests.

    A line that is one call of ``invoke`` or ``memsql`` needs no shell, and does not wait for imports: see started.py.
    """
    if not _SYNTAX.search(line):
        words, variables = shlex.split(line), dict(environment)
        while _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        if words[0] in ("invoke", "memsql"):
            return cli.run(*words[1:], cwd=cwd, env=variables, program=words[0])
    own = measured.unmeasured(cli.clean_environment())
    ended = subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env={**own, "PATH": f"{Path(sys.executable).parent}:{own['PATH']}", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=120,
    )
    return Done((line,), ended.returncode, ended.stdout, ended.stderr)
