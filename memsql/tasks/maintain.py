"""memsql maintain.*"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Collection

from memsql.storage import regular
from memsql.tasks import maintain_indexes, maintain_orphans, maintain_vacuum
from memsql.tasks.task import Outcome, task
from memsql.visible import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memsql.config import Settings
    from memsql.report.progress import Bar
    from memsql.report.schedule import Place

_FORMATS = ("cron", "systemd", "github")


@task(
    "maintain.schedule",
    help={
        "format": "cron, systemd or github (default: all three)",
        "every": "only the duties of one period: daily, weekly, monthly or quarterly",
        "output": "write the files into this folder, which may hold none of them yet",
    },
    common=("env", "project", "json"),
)
def schedule(
    settings: Settings,
    progress: Bar,
    *,
    format: str | None = None,
    every: str | None = None,
    output: str | None = None,
) -> Outcome:
    """Print the duties of every day, week, month and quarter as schedules: for cron, systemd and GitHub Actions.

    docs/runbook.md says what each duty is for. Nothing is installed, and no database is opened.

    Examples:  memsql maintain.schedule --env production
               memsql maintain.schedule --format systemd --output units
    """
    from memsql.errors import UsageError
    from memsql.operate.duties import PERIODS
    from memsql.report import schedule

    if format is not None and format not in _FORMATS:
        raise UsageError(f"--format {format}: there are {', '.join(_FORMATS)}")
    periods = [period for period in PERIODS if every in (None, period)]
    if not periods:
        raise UsageError(f"--every {every}: there are {', '.join(PERIODS)}")
    place = _place(settings)
    data = schedule.data(place, periods)
    if output is not None:
        paths = _write(schedule.files(place, format, periods), Path(output))
        return Outcome(page(f"wrote {path}" for path in paths), {**data, "files": paths})
    texts = {"cron": schedule.cron, "systemd": schedule.systemd_text, "github": schedule.github, None: schedule.text}
    return Outcome(texts[format](place, periods), data, plain=True)


def _place(settings: Settings) -> Place:
    """Where the duties run: this project, with this Python. Raises UsageError for a path that no schedule can hold."""
    from memsql.errors import UsageError
    from memsql.git import find_repository
    from memsql.report.schedule import Place

    folder = str(settings.root)
    if not folder.isprintable():
        raise UsageError(f"no schedule can hold the path {folder!r}", hint="give the folder a name that can be printed")
    beside = Path(sys.executable).parent / "memsql"
    try:
        subfolder = find_repository(settings.root, "").prefix.rstrip("/")
    except UsageError:
        subfolder = ""
    return Place(
        folder=folder,
        program=(str(beside),) if beside.is_file() else (sys.executable, "-m", "memsql"),
        environment=settings.env,
        database=settings.target.display,
        is_server=settings.target.is_server,
        token_variable=settings.token_variable,
        subfolder=subfolder,
    )


def _write(files: Mapping[str, str], folder: Path) -> list[str]:
    """Write ``files``, texts by their names, into ``folder``, and return their paths. Raises UsageError where one is
    there and holds something else, and writes none then."""
    from memsql.errors import UsageError
    from memsql.storage.new_files import make_folder
    from memsql.storage.replacing import replacing

    paths = {folder / name: text for name, text in files.items()}
    try:
        for path, text in paths.items():
            if path.exists() and regular.read_text(path, errors="replace") != text:
                raise UsageError(
                    f"{path} is there already, and holds something else",
                    state="nothing was written",
                    hint="give another folder, or remove it",
                )
        # systemd warns of units that not everybody can read.
        make_folder(folder, "umask")
        for path, text in paths.items():
            with replacing(path, "umask") as file:
                file.write(text.encode("utf-8"))
    except OSError as e:
        raise UsageError(f"--output {folder}: {e.filename or folder} cannot be written: {e.strerror}") from None
    return [str(path) for path in paths]


ns = Collection(
    "maintain",
    maintain_indexes.reindex,
    maintain_indexes.optimize,
    maintain_vacuum.vacuum,
    maintain_orphans.orphans,
    schedule,
)
