"""What the ledger of another tool says of migrations that others were folded into: it names those. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memsql.exchange.ledgers import Record
from memsql.ledger import version_of
from memsql.project.files import Migration, SqlFile
from memsql.project.folded import known_to


class Half(NamedTuple):
    """A ``migration`` into which others were folded, and which of them a ledger has, and lacks."""

    migration: Migration
    ids: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfolded:
    """``entries`` are the migrations as they were before any was folded, without the texts of those that have no file
    now; ``owners`` the migrations that stand for them, by place."""

    ordered: Sequence[Migration]
    entries: tuple[Migration, ...]
    owners: tuple[int, ...]

    def fold(
        self, applied: Mapping[int, Record | None]
    ) -> tuple[dict[int, tuple[Record | None, int | None]], list[Half]]:
        """What ``applied``, rows by the places of entries, says of the migrations that stand for them, by place: their
        last row, and the place of its entry where that may be about the file that is there now. Then those of
        which only a part is applied."""
        shares: dict[int, list[int]] = {}
        for place in sorted(applied):
            shares.setdefault(self.owners[place], []).append(place)
        whole: dict[int, tuple[Record | None, int | None]] = {}
        halves = []
        for owner, places in shares.items():
            migration, ids = self.ordered[owner], tuple(self.entries[place].id for place in places)
            lacks = tuple(name for name in migration.stands_for if name not in ids)
            # Alone, its own id is that of a database which the tool made from the files as they are now.
            if lacks and ids != (migration.id,):
                halves.append(Half(migration, ids, lacks))
            else:
                whole[owner] = applied[places[-1]], places[0] if len(places) == 1 else None
        return whole, halves


def unfolded(ordered: Sequence[Migration]) -> Unfolded:
    """The migrations ``ordered``, and in the place of each that stands for others those others."""
    entries, owners = list[Migration](), list[int]()
    for owner, migration in enumerate(ordered):
        names = dict.fromkeys((*known_to(migration), migration.id))
        for name in sorted(names, key=lambda name: version_of(name) or 0):
            entries.append(migration if name == migration.id else _gone(name))
            owners.append(owner)
    return Unfolded(ordered, tuple(entries), tuple(owners))


def _gone(name: str) -> Migration:
    """The migration ``name``, which was folded into another one: no ledger can know it by its text."""
    # No migration holds a NUL, and so no hash in a ledger is that of this file.
    return Migration(
        version_of(name) or 0, name.partition("_")[2], name, SqlFile(f"{name}.sql", f"{name}.sql", b"\0"), None
    )
