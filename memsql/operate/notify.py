"""Send the report of a run to the command that setup.cfg names, before and after the database is changed.

The report is the command's standard input. Its words come from setup.cfg alone: no shell and nothing of the report has
a part in them. Whatever becomes of the command, the run goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from memsql.config import Settings, redact

TIME_LIMIT = 10.0
"""For how many seconds the command may run."""
_SHOWN = 200


def send(settings: Settings, report: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Run ``notify`` of ``settings`` with the text ``report`` as its input. Returns what went wrong, None for nothing.

    It runs in the project's folder, with the variables of ``environ`` (by default of this process) that do not hold the
    token of the database. What it prints is thrown away.
    """
    command = settings.notify[0]
    # Files and not pipes: a child that it leaves behind may keep a pipe open for as long as it likes.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(report.encode())
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                settings.notify,
                cwd=settings.root,
                env=_without_token(os.environ if environ is None else environ, settings.target.token),
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                # Ctrl-C is meant for the run, and a group of its own can be ended with its children.
                start_new_session=True,
            )
        except (OSError, ValueError) as e:
            return f"{command} cannot be run: {getattr(e, 'strerror', None) or e}"
        try:
            code = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"{command} did not end within {TIME_LIMIT:g} s and was stopped"
        except BaseException:
            _end(process)
            raise
        return f"{command} ended with exit code {code}{_last_line(stderr)}" if code else None


def _without_token(environ: Mapping[str, str], token: str | None) -> dict[str, str]:
    return {name: value for name, value in environ.items() if token is None or token not in value}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read(65_536).decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {redact(last)[:_SHOWN]}" if last else ""
