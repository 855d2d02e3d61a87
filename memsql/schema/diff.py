"""What differs between two schemas, as lines for people."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.schema.model import Schema


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Differences as lines without their mark. False where there is none.

    ``respelled`` are names that differ in nothing but the case of ASCII letters, which SQLite takes for the same name,
    but which an application may read.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    respelled: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines())

    def lines(self) -> list[str]:
        """All lines: ``-`` marks what is removed, ``~`` what is changed or spelled otherwise, ``+`` what is added."""
        return [*self.meaning_lines(), *(f"~ {x}" for x in self.respelled)]

    def meaning_lines(self) -> list[str]:
        """The lines without those on names that are only spelled otherwise."""
        return [f"- {x}" for x in self.removed] + [f"~ {x}" for x in self.changed] + [f"+ {x}" for x in self.added]


def diff(before: Schema, after: Schema) -> SchemaDiff:
    """Compare two schemas by what they mean: what SQLite reads alike is equal, and so are columns in another order."""
    # Most commands read schemas and compare none.
    from memsql.schema.compare import respelled
    from memsql.schema.lines import added, changed

    return SchemaDiff(added(before, after), added(after, before), changed(before, after), respelled(before, after))
