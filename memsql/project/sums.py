"""memsql.sum: a checksum of every migration file, chained so that branches which both add one conflict in git."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from memsql import hints
from memsql.errors import FileError, Location
from memsql.project.files import SUM_NAME, Migration, read_bytes


def sum_text(migrations: Sequence[Migration]) -> str:
    """The text of memsql.sum: a line for each file, with its SHA-256 and a hash over all lines so far."""
    lines = ["memsql.sum 1"]
    chain = ""
    for migration in migrations:
        for file in (migration.up, migration.down):
            if file is None:
                continue
            chain = hashlib.sha256(f"{chain}\n{file.name}\n{file.digest}".encode()).hexdigest()
            lines.append(f"{file.digest} {chain[:32]} {file.name}")
    return "\n".join(lines) + "\n"


def sum_problems(folder: Path, migrations: Sequence[Migration]) -> list[str]:
    """How memsql.sum disagrees with the files, a sentence each; none where there is no memsql.sum."""
    try:
        stored = read_bytes(folder / SUM_NAME).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    except OSError as e:
        return [f"{SUM_NAME} cannot be read: {e.strerror}"]
    expected = sum_text(migrations)
    if stored.replace("\r\n", "\n") == expected:
        return []
    have, want = _sum_entries(stored), _sum_entries(expected)
    problems = [
        f"{name}: the file changed since {SUM_NAME} was written"
        for name in want
        if name in have and have[name] != want[name]
    ]
    problems += [f"{name}: not in {SUM_NAME}" for name in want if name not in have]
    problems += [f"{name}: in {SUM_NAME}, but there is no such file" for name in have if name not in want]
    return problems or [f"{SUM_NAME} itself was edited or merged: its lines are not in order"]


def refuse_edited(folder: Path, migrations: Iterable[Migration], shown: str) -> None:
    """Raise FileError where a file is not as memsql.sum has it. What memsql.sum lacks, and the marks of a conflict of
    git in it, are no matter."""
    try:
        stored = _sum_entries(read_bytes(folder / SUM_NAME).decode("utf-8", "replace"))
    except OSError:
        return
    files = [file for migration in migrations for file in (migration.up, migration.down) if file is not None]
    changed = [file.name for file in files if stored.get(file.name, file.digest) != file.digest]
    if changed:
        raise FileError(
            f"{changed[0]} changed since {SUM_NAME} was written",
            where=Location(f"{shown}/{changed[0]}"),
            details=tuple(f"{name}: the same" for name in changed[1:]),
            state="nothing was changed",
            hint=f"look at the change (git diff); if it is meant, put its line into {SUM_NAME} with: "
            f"{hints.command('migrate.sum')}; where two files have one version, take that line out of {SUM_NAME}",
        )


def _sum_entries(text: str) -> dict[str, str]:
    rows = (line.split(" ", 2) for line in text.splitlines()[1:])
    return {row[2]: row[0] for row in rows if len(row) == 3}
