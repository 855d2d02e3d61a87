"""Seeds: files of sql/seeds/NAME that insert rows which an environment begins with, each of them once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from memsql.errors import FileError, Location
from memsql.project.files import SqlFile, read_file
from memsql.sqltext import MigrationHeader, effect, parse_migration_header, statements
from memsql.sqltext.meaning import meaning
from memsql.sqltext.tokens import tokenize


@dataclass(frozen=True)
class Seed:
    """A seed; ``name`` is that of its folder and of its file, as in demo/01_users."""

    name: str
    file: SqlFile
    header: MigrationHeader

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over its directives and statements: another comment is no change."""
        return hashlib.sha256(meaning(self.file.text()).encode()).hexdigest()


def read_seeds(folder: Path, shown: str) -> tuple[Seed, ...]:
    """The seeds of ``folder``, by file name; ``shown`` is the folder as people write it.

    Raises FileError where there is no such folder, and for a statement that no seed may hold.
    """
    if not folder.is_dir():
        raise FileError(
            f"there is no folder {shown}, and the seeds {folder.name} are to lie in it",
            state="nothing was changed",
            hint="make it, or correct the setting `seeds`",
        )
    files = (read_file(path, f"{shown}/{path.name}") for path in sorted(folder.glob("*.sql")))
    return tuple(read_seed(file, folder.name) for file in files)


def read_seed(file: SqlFile, folder: str) -> Seed:
    """Read one seed of the folder called ``folder``. Raises FileError for a statement that no seed may hold."""
    text = file.text()
    header = parse_migration_header(text, file.path)
    if not header.transactional or not header.foreign_keys:
        raise _refusal(file, 1, "asks to run without a transaction or foreign keys")
    for statement in statements(text):
        if effect(statement.text).kind != "insert":
            words = [token.word for token in tokenize(statement.text)[:3]]
            verb = " ".join(words[:3]) if words[1:2] == ["OR"] else " ".join(words[:1])
            raise _refusal(file, statement.line, f"runs {verb}")
    return Seed(f"{folder}/{file.name.removesuffix('.sql')}", file, header)


def _refusal(file: SqlFile, line: int, message: str) -> FileError:
    return FileError(
        f"{file.path} {message}: a seed only inserts rows, with ON CONFLICT or OR IGNORE for those that are there",
        where=Location(file.path, line),
        state="nothing was changed",
        hint="put anything else into a migration",
    )
