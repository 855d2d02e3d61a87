"""One run of a migration of yoyo, and what its SQL file says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from memsql.project.admission import enforces_keys
from memsql.project.files import read_file
from memsql.sqltext import parse_migration_header, statements


@dataclass(frozen=True, slots=True)
class Run:
    """One migration of yoyo that is to run: in which direction, whether to go on after a step that fails (``force``),
    and whether to set or remove the mark that it is applied (``mark``)."""

    migration: Any
    direction: Literal["apply", "rollback"]
    force: Any
    mark: Any

    @property
    def applies(self) -> bool:
        return self.direction == "apply"

    @property
    def file(self) -> Path:
        path = Path(self.migration.path)
        return path if self.applies else path.with_name(f"{path.stem}.rollback.sql")

    @property
    def is_sql(self) -> bool:
        return bool(self.migration.is_raw_sql())

    def has_statements(self) -> bool:
        return self.file.is_file() and any(True for _ in statements(read_file(self.file, self.file.name).text()))

    def foreign_keys(self) -> bool:
        """Whether the migration runs with foreign keys on. Raises FileError for a header that memsql would refuse."""
        if not self.is_sql:
            return True
        file = read_file(self.file, self.file.name)
        return enforces_keys(parse_migration_header(file.head(), self.file.name), file.text())

    def state_after_failure(self, *, transactional: bool) -> str:
        """What a failure leaves in the database, in a sentence."""
        name = self.migration.id
        if transactional:
            return f"nothing of {name} was kept; it is {'not' if self.applies else 'still'} marked as applied"
        return f"what ran of {name} before that stays (`-- transactional: false`), and the mark is as it was"
