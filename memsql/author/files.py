"""Writing migration files: a new pair with its check, and the sum file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memsql.config import Settings
from memsql.errors import FileError, Location, UsageError
from memsql.project.files import PLACEHOLDER, SUM_NAME, Migration, read_folder
from memsql.project.sums import sum_problems, sum_text
from memsql.project.writing import replace_file
from memsql.storage.new_files import make_folder

_UP = f"""-- {{title}}
{{directives}}
{PLACEHOLDER}, as plain SQL. No BEGIN or COMMIT: memsql wraps and proves it.
"""
_DOWN = """-- Undo {id}
{directives}
-- Write the way back here. A rollback without a statement is refused by migrate.down.
"""
_CHECK = """-- name: {id}
-- severity: error
-- why: write what is wrong when this returns a row
SELECT 'write the check of {id}: one row per problem, none when all is well' AS message
WHERE 0
"""


@dataclass(frozen=True, slots=True)
class NextName:
    """The next migration of a folder. ``depends`` is the id of the last one, None in an empty folder."""

    version: int
    name: str
    id: str
    title: str
    depends: str | None


def create_pair(settings: Settings, name: str, *, foreign_keys_off: bool = False) -> tuple[str, ...]:
    """Write ``NNNN_name.sql``, its rollback, a check and memsql.sum. Return their paths as messages show them.

    Raises UsageError for a name that makes no file name, FileError where a file cannot be written.
    """
    coming = next_name(settings, name)
    stem = coming.id
    lines = [f"-- depends: {coming.depends}"] if coming.depends else []
    fk = ["-- foreign_keys: off"] if foreign_keys_off else []
    texts = {
        settings.migrations / f"{stem}.sql": _UP.format(title=coming.title, directives="\n".join([*lines, *fk])),
        settings.migrations / f"{stem}.rollback.sql": _DOWN.format(id=stem, directives="\n".join(fk)),
        settings.sql / "checks" / f"{stem}.sql": _CHECK.format(id=stem),
    }
    return write_files(settings, {path: re.sub(r"\n\n+", "\n", text) for path, text in texts.items()})


def next_name(settings: Settings, name: str) -> NextName:
    """The version and the name of the next migration. The folder is made where it is missing.

    Raises UsageError for a name that makes no file name.
    """
    short = re.sub(r"[\s-]+", "_", name.strip()).lower()
    if not re.fullmatch(r"\w+", short):
        raise UsageError(
            f"{name!r} makes no migration name", hint="use letters, digits and underscores, as in add_missing_indices"
        )
    make_folder(settings.migrations, "umask")
    existing = read_folder(settings.migrations, settings.show(settings.migrations))
    version = existing[-1].version + 1 if existing else 1
    return NextName(
        version,
        short,
        f"{version:0{_width(existing)}d}_{short}",
        short.replace("_", " ").capitalize(),
        existing[-1].id if existing else None,
    )


def write_files(settings: Settings, texts: Mapping[Path, str]) -> tuple[str, ...]:
    """Write new files and then memsql.sum. Return their paths as messages show them.

    Raises FileError where one exists or cannot be written; then none of them is there.
    """
    write_new_files(settings, texts)
    write_sum(settings)
    return (*map(settings.show, texts), settings.show(settings.migrations / SUM_NAME))


def write_new_files(settings: Settings, texts: Mapping[Path, str]) -> None:
    """Write new files. Raises FileError where one exists or cannot be written; then none of them is there."""
    written: list[Path] = []
    try:
        # The last first: everything refuses a rollback without its migration, but not a migration without its rollback.
        for path, text in reversed(list(texts.items())):
            _write_new(path, text, settings.show(path))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def write_sum(settings: Settings, *, check: bool = False) -> tuple[bool, tuple[str, ...]]:
    """Bring memsql.sum up to date, or with ``check`` only say whether it is.

    Returns whether it was stale, and why. Raises FileError where the folder cannot be read or written.
    """
    shown = settings.show(settings.migrations)
    migrations = read_folder(settings.migrations, shown)
    path = settings.migrations / SUM_NAME
    text = sum_text(migrations)
    if path.is_file() and path.read_bytes().replace(b"\r\n", b"\n") == text.encode():
        return False, ()
    problems = tuple(sum_problems(settings.migrations, migrations)) or ("there is no memsql.sum",)
    if not check:
        replace_file(path, text, f"{shown}/{SUM_NAME}")
    return True, problems


def _write_new(path: Path, text: str, shown: str) -> None:
    try:
        make_folder(path.parent, "umask")
        with open(path, "x", encoding="utf-8", newline="\n") as f:
            try:
                f.write(text)
                f.flush()
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise FileError(f"{shown} exists already", where=Location(shown), state="nothing was overwritten") from None
    except OSError as e:
        raise FileError(f"{shown} cannot be written: {e.strerror}", where=Location(shown)) from None


def _width(existing: tuple[Migration, ...]) -> int:
    """As many digits as the last file has, four where it is the first."""
    return len(existing[-1].id.partition("_")[0]) if existing else 4
