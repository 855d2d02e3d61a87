"""The pairs that an import writes: their headers and texts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from memsql.errors import MemsqlError
from memsql.exchange.model import ForeignMigration, Tool
from memsql.exchange.naming import title_of
from memsql.exchange.writing import Script
from memsql.project.files import Migration, SqlFile, parse_file_name
from memsql.sqltext import Origin, fold

_REBUILD = "-- fts_rebuild: all"
_PERMIT = re.compile(r"-- allow: ((?:data-loss|broken) .+?|[A-Z]+[0-9]+) <reason>")


@dataclass(frozen=True, slots=True)
class ImportedPair:
    """A migration of ``tool`` as a pair of memsql that is not written yet.

    ``source`` is the migration, ``id`` the name of the pair. ``permits``: what its header allows, up and down.
    ``derived``: the whole text of a rollback that memsql derived. ``rebuilds_indexes``: whether full-text indexes are
    rebuilt after it, up and down. ``notes``: sentences for the person who imports.
    """

    tool: Tool
    source: ForeignMigration
    id: str
    up: Script
    down: Script | None = None
    depends: tuple[str, ...] = ()
    permits: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    derived: str | None = None
    rebuilds_indexes: tuple[bool, bool] = (False, False)
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """The directive that says where it came from."""
        marks = tuple((key, value) for key, _, value in (mark.partition("=") for mark in self.source.hashes))
        return Origin(self.tool.word, self.source.path, marks)

    @property
    def up_text(self) -> str:
        """The text of the migration."""
        lines = [f"-- {title_of(self.source)}", self.origin.line]
        lines += [f"-- depends: {' '.join(self.depends)}"] if self.depends else []
        return self._text(lines, self.up, 0)

    @property
    def down_text(self) -> str | None:
        """The text of the rollback, None where there is none."""
        if self.down is None:
            return self.derived
        return self._text([f"-- Undo {self.id}"], self.down, 1)

    def _text(self, lines: list[str], script: Script, way: int) -> str:
        lines += [] if script.transactional else ["-- transactional: false"]
        lines += [] if script.foreign_keys else ["-- foreign_keys: off"]
        lines += [_REBUILD] if self.rebuilds_indexes[way] else []
        lines += [f"-- allow: {permit} applied so by {self.tool.title}" for permit in self.permits[way]]
        body = script.text.strip("\n")
        return "\n".join([*lines, body, ""] if body else [*lines, ""])

    def files(self, folder: str) -> Migration:
        """The pair as the engine takes it; ``folder`` is the folder of migrations as messages show it."""
        parsed = parse_file_name(f"{self.id}.sql")
        assert parsed is not None
        up, down = (f"{self.id}.sql", self.up_text), (f"{self.id}.rollback.sql", self.down_text)
        files = [SqlFile(f"{folder}/{name}", name, text.encode()) for name, text in (up, down) if text is not None]
        return Migration(parsed.version, parsed.name, self.id, files[0], files[1] if files[1:] else None)

    def permitting(self, way: Literal["up", "down"], error: MemsqlError) -> ImportedPair | None:
        """The pair with what ``error``, a refusal of that way, asks for in the header: permits by name, or that
        full-text indexes are rebuilt. None where it asks for nothing new."""
        place = int(way == "down")
        if _REBUILD in (error.hint or "") and not self.rebuilds_indexes[place]:
            rebuilds = (self.rebuilds_indexes[0] or place == 0, self.rebuilds_indexes[1] or place == 1)
            note = f"a full-text index disagrees with its content after the way {way}: memsql rebuilds it"
            return replace(self, rebuilds_indexes=rebuilds).noting(note)
        known = set(map(fold, self.permits[place]))
        text = "\n".join([error.hint or "", *error.details])
        fresh = [line for line in dict.fromkeys(_PERMIT.findall(text)) if fold(line) not in known]
        if not fresh:
            return None
        permits = list(self.permits)
        permits[place] = (*permits[place], *fresh)
        return replace(self, permits=(permits[0], permits[1]))

    def with_keys_off(self) -> ImportedPair:
        """The pair whose way up runs without foreign keys."""
        return replace(self, up=replace(self.up, foreign_keys=False))

    def noting(self, *notes: str) -> ImportedPair:
        """The pair with more ``notes``."""
        return replace(self, notes=(*self.notes, *notes))
