"""Which files there are to look at, and what kind of file each is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from memsql.config import Settings
from memsql.errors import FileError
from memsql.project import foreign
from memsql.project.folded import ASIDE
from memsql.project.links import refuse_linked_folders
from memsql.project.load import REPEATABLE, SEEDS

_PARTS = {"migrations": "migration", "checks": "check", "queries": "query", "smoke": "smoke"}


def sql_files(settings: Settings, paths: Sequence[Path] = ()) -> list[Path]:
    """The .sql files that ``paths`` (files and folders) name; of the whole project where there are none, without the
    files of folded migrations, which must stay as they were applied.

    Raises FileError for a path that does not exist, for a folder of the project that is a link, and for files that are
    named like those of another tool.
    """
    refuse_linked_folders(settings)
    files: dict[Path, None] = {}
    aside = None if paths else settings.sql / ASIDE
    if not paths and settings.migrations.is_dir():
        foreign.names_in(settings.migrations, settings.show(settings.migrations))
    for path in paths or [p for p in (settings.migrations, settings.sql) if p.is_dir()]:
        path = placed(settings, path)
        if path.is_dir():
            files |= dict.fromkeys(sorted(p for p in path.rglob("*.sql") if not p.is_dir() and aside not in p.parents))
        elif path.is_file():
            files[path] = None
        else:
            raise FileError(f"there is no file or folder {settings.show(path)}")
    return list(files)


def placed(settings: Settings, path: Path) -> Path:
    """``path`` below the project's folder as settings name it, whichever way it was reached; others as they are."""
    real = (
        Path(os.path.realpath(path.parent), path.name) if path.name not in ("", "..") else Path(os.path.realpath(path))
    )
    try:
        return settings.root / real.relative_to(os.path.realpath(settings.root))
    except ValueError:
        return Path(os.path.abspath(path))


def kind_of(path: str, migrations: Path | None = None, sql: Path | None = None) -> str:
    """What kind of file ``path`` is, by the folder it lies in: the project's, or ones that are named like them."""
    file = Path(path)
    folder = file.parent
    if migrations is not None and sql is not None:
        kinds = {
            migrations: "migration",
            migrations / "legacy": "legacy",
            sql / "checks": "check",
            sql / "queries": "query",
            sql / "smoke": "smoke",
            sql / REPEATABLE: "repeatable",
            sql: "snapshot" if file.name == "schema.sql" else "other",
            sql / "legacy": "snapshot",
        }
        kind = "seed" if folder.parent == sql / SEEDS else kinds.get(folder, "other")
    else:
        kind = _PARTS.get(folder.name, "snapshot" if file.name == "schema.sql" else "other")
        if folder.name == "legacy":
            kind = "legacy" if folder.parent.name == "migrations" else "snapshot"
    return "rollback" if kind == "migration" and file.name.endswith(".rollback.sql") else kind
