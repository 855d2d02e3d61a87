"""The report of a chain, which is several tasks on one command line: what was to run, what ran, and with which result.

The file is written after every change, so that a killed chain leaves a report too. docs/formats.md specifies the
fields.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import memsql
from memsql.config import Settings, redact
from memsql.errors import FileError
from memsql.ledger import utc_text

FORMAT = 1

Status = Literal["waiting", "running", "ok", "failed"]


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A task of a chain. ``headline`` says in one line what it did, ``data`` are the fields of its JSON output,
    ``error`` the fields of the error that ended it; ``started`` is in UTC."""

    command: str
    status: Status = "waiting"
    environment: str | None = None
    database: str | None = None
    started: datetime | None = None
    seconds: float | None = None
    exit_code: int | None = None
    headline: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    error: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A chain. ``words`` are the words of its command line; ``exit_code`` is None while it runs."""

    words: tuple[str, ...]
    started: datetime
    steps: tuple[ChainStep, ...]
    finished: datetime | None = None
    exit_code: int | None = None

    @property
    def status(self) -> str:
        """running, ok or failed."""
        return "running" if self.exit_code is None else "ok" if self.exit_code == 0 else "failed"


class Journal:
    """Follows a chain and writes its report into the folder ``runs`` of the settings of its first task.

    ``words`` are the words of the command line, ``commands`` the names of the tasks in it. ``warn`` is called once,
    with a sentence, where the report cannot be written; the chain goes on.
    """

    def __init__(self, words: Sequence[str], commands: Sequence[str], warn: Callable[[str], None]) -> None:
        self.run = Run(tuple(words), datetime.now(UTC), tuple(ChainStep(command) for command in commands))
        self.path: Path | None = None
        self.shown: str | None = None
        self._warn = warn
        self._secrets: set[str] = set()
        self._position = -1
        self._begun = 0.0
        self._broken = False

    @property
    def written(self) -> bool:
        """Whether the file ``path`` holds the report."""
        return self.path is not None and not self._broken

    def begin(self, command: str) -> None:
        """Note that the next step starts."""
        self._position = min(self._position + 1, len(self.run.steps) - 1)
        self._begun = time.perf_counter()
        self._change(command=command, status="running", started=datetime.now(UTC))

    def use(self, settings: Settings) -> None:
        """Note the settings of the running step. Their token never appears in the report."""
        if settings.target.token:
            self._secrets.add(settings.target.token)
        if self.path is None:
            self.path = settings.runs / f"run-{self.run.started:%Y%m%dT%H%M%S.%fZ}.json"
            self.shown = settings.show(self.path)
        self._change(environment=settings.env, database=settings.target.display)

    def end_step(
        self, exit_code: int, headline: str, data: Mapping[str, object], error: Mapping[str, object] | None = None
    ) -> None:
        """Note that the running step is over."""
        self._change(
            status="failed" if exit_code else "ok",
            seconds=round(time.perf_counter() - self._begun, 3),
            exit_code=exit_code,
            headline=headline,
            data=data,
            error=error,
        )

    def end(self, exit_code: int) -> None:
        """Note that the chain is over. A step that is still running then has failed."""
        if self._position >= 0 and self.run.steps[self._position].status == "running":
            self.end_step(exit_code or 1, "ended unexpectedly", {})
        self.run = replace(self.run, finished=datetime.now(UTC), exit_code=exit_code)
        self._write()

    def _change(self, **values: object) -> None:
        steps = list(self.run.steps)
        steps[self._position] = replace(steps[self._position], **values)  # type: ignore[arg-type]
        self.run = replace(self.run, steps=tuple(steps))
        self._write()

    def _write(self) -> None:
        if self.path is None or self._broken:
            return
        from memsql.project.writing import replace_file
        from memsql.storage.new_files import make_folder

        try:
            make_folder(self.path.parent)
            replace_file(self.path, to_text(self.run, self._secrets), self.shown or self.path.name, "owner")
        except (OSError, FileError) as e:
            self._broken = True
            reason = e.message if isinstance(e, FileError) else f"{self.shown} cannot be written: {e.strerror}"
            self._warn(f"there will be no report of this run: {reason}")


def to_text(run: Run, secrets: Iterable[str] = (), more: Mapping[str, object] | None = None) -> str:
    """The report as JSON, with ``***`` in place of every one of ``secrets``; ``more`` are further fields."""
    first = next((s for s in run.steps if s.database is not None), None)
    fields = {
        "format": FORMAT,
        "tool": f"memsql {memsql.__version__}",
        "status": run.status,
        "started": utc_text(run.started),
        "finished": utc_text(run.finished) if run.finished else None,
        "exit_code": run.exit_code,
        "environment": first.environment if first else None,
        "database": first.database if first else None,
        "command_line": [without_query(word) for word in run.words],
        "steps": [_step(step) for step in run.steps],
        **(more or {}),
    }
    text = json.dumps(_cleaned(fields, tuple(secrets)), ensure_ascii=False, indent=2, default=str) + "\n"
    # A file name need not be UTF-8; an escape that replaces such bytes is an escape of JSON too.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_query(word: str) -> str:
    """``word`` of a command line without the query of a URL, which may hold a secret under any name.

    ``libsql://host?key=value`` becomes ``libsql://host?***``.
    """
    return re.sub(r"(://[^\s?#]*)[?#].*", r"\1?***", word)


def _step(step: ChainStep) -> dict[str, object]:
    return {
        "command": step.command,
        "status": step.status,
        "environment": step.environment,
        "database": step.database,
        "started": utc_text(step.started) if step.started else None,
        "seconds": step.seconds,
        "exit_code": step.exit_code,
        "summary": step.headline,
        "data": dict(step.data),
        "error": step.error,
    }


def _cleaned(value: object, secrets: Sequence[str]) -> object:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return redact(value)
    if isinstance(value, Mapping):
        return {str(_cleaned(str(k), secrets)): _cleaned(v, secrets) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(v, secrets) for v in value]
    return value
