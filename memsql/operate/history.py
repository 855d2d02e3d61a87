"""The file in which monitor.metrics and backup.drill keep their figures, one line of JSON for each time, so that the
dashboard can show how they change. docs/formats.md specifies the fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import memsql
from memsql.config import Settings, redact
from memsql.errors import FileError, Location
from memsql.ledger import utc_text
from memsql.operate.recorded import is_of
from memsql.project import json_lines
from memsql.project.json_lines import Bound
from memsql.storage.new_files import make_folder

FORMAT = 1
FILE = "history.jsonl"

Kind = Literal["metrics", "drill"]

_LONGEST = 32 << 20
"""So many bytes at the end of the file are read: years of daily figures of a common database."""
_BOUND = Bound(most_bytes=_LONGEST, kept_bytes=24 << 20)


@dataclass(frozen=True, slots=True)
class Record:
    """The figures of one moment (UTC): ``fields`` are those of the JSON output of the task."""

    kind: str
    when: datetime
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class History:
    """What a history file says of one database, the oldest first. ``unreadable``: how many of its lines are none of
    ours, or were cut. ``earlier`` is set where the file is so long that its beginning was not read."""

    records: tuple[Record, ...] = ()
    unreadable: int = 0
    earlier: bool = False

    def of(self, kind: Kind) -> list[Record]:
        """The records of one kind, the oldest first."""
        return [record for record in self.records if record.kind == kind]


def history_file(settings: Settings, file: str | None = None) -> tuple[Path, str]:
    """The history file: ``file``, relative to where the command runs, or that of the project; and how people write
    it."""
    if file is not None:
        return Path.cwd() / file, file
    path = settings.runs / FILE
    return path, settings.show(path)


def append(settings: Settings, kind: Kind, fields: Mapping[str, object], file: str | None = None) -> str:
    """Add a line with ``fields`` to the history file, which is made where it is not there; return its name.

    Several processes may do that at the same time. Of a file of more than 32 MiB the oldest lines are left out. Raises
    FileError where it cannot be written.
    """
    path, shown = history_file(settings, file)
    head = {"format": FORMAT, "tool": f"memsql {memsql.__version__}", "kind": kind, "time": utc_text(datetime.now(UTC))}
    text = json.dumps({**head, **fields, "database": settings.target.display}, ensure_ascii=False, default=str)
    line = redact(text, settings.target.token).encode("utf-8", "backslashreplace")
    try:
        if file is None:
            make_folder(path.parent)
        json_lines.append(path, [line], _BOUND)
    except OSError as e:
        raise FileError(
            f"{shown} cannot be written: {e.strerror}",
            where=Location(shown),
            state="the figures were measured, and not recorded",
        ) from None
    return shown


def read(settings: Settings, file: str | None = None) -> History:
    """What the history file says of the database of ``settings``; nothing where the project has none yet.

    Raises FileError where it cannot be read, or where there is no ``file``.
    """
    path, shown = history_file(settings, file)
    try:
        end = json_lines.end_of(path, _LONGEST)
    except FileNotFoundError:
        if file is None:
            return History()
        hint = f"begin it: memsql monitor.metrics --record --history {file}"
        raise FileError(f"{shown} does not exist", where=Location(shown), hint=hint) from None
    except OSError as e:
        raise FileError(f"{shown} cannot be read: {e.strerror}", where=Location(shown)) from None
    return _of_lines(end.lines, settings, end.is_cut)


def _of_lines(lines: Iterable[bytes], settings: Settings, is_cut: bool) -> History:
    records, unreadable = [], 0
    ours: dict[str, bool] = {}
    for line in lines:
        if not line.strip():
            continue
        record = _record(line)
        if record is None:
            unreadable += 1
            continue
        database = str(record.fields["database"])
        if database not in ours:
            ours[database] = is_of(database, settings)
        if ours[database]:
            records.append(record)
    return History(tuple(sorted(records, key=lambda record: record.when)), unreadable, is_cut)


def _record(line: bytes) -> Record | None:
    """The record that ``line`` is; None where it is none, for others may have written the file."""
    try:
        fields = json.loads(line)
        when = datetime.fromisoformat(fields["time"])
        if fields["format"] != FORMAT or not isinstance(fields["database"], str) or when.tzinfo is None:
            return None
        return Record(str(fields["kind"]), when.astimezone(UTC), fields)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
