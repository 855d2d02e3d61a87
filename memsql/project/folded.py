"""Migrations that others were folded into: what a ledger from before that says of them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from hashlib import sha256

from memsql import hints
from memsql.errors import Location, Refused
from memsql.project.files import Migration
from memsql.words import count

ASIDE = "squashed"
"""The folder, below the one with SQL, to which the files of folded migrations are moved."""
_SHOWN = 5
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Folded:
    """``ids``: the migrations in the ledger for which another one stands now. ``lacks``: those that it stands for too,
    and that the database lacks."""

    ids: tuple[str, ...]
    lacks: tuple[str, ...]
    note: str


def known_to(migration: Migration) -> tuple[str, ...]:
    """The ids of all migrations that were ever folded into ``migration``, itself among them; none where none was."""
    return (*migration.stands_for, *migration.header.stood_for) if migration.stands_for else ()


def digest_of(hashes: Sequence[str], migration: Migration) -> str:
    """The hash of what was folded, ``hashes`` of what each did, and of the ``migration`` that stands for it."""
    return sha256("\n".join((*hashes, migration.hashes.up)).encode()).hexdigest()[:_DIGITS]


def is_other_text(migration: Migration, hashes: Sequence[str | None]) -> bool:
    """Whether ``migration`` was made of other texts than those that ran, or was edited since. ``hashes`` are those of
    what ran, one for each id in ``stands_for``; False where one of them is not known.

    In a database from before an earlier squash other files ran under these ids: call it for no such database.
    """
    known = [one for one in hashes if one is not None]
    recorded = migration.header.stands_hash
    return bool(recorded) and len(known) == len(hashes) and digest_of(known, migration) != recorded


def folded_in(migration: Migration, applied: Container[str], checksum: str | None) -> Folded | None:
    """What a database has of the migrations that were folded into ``migration``; None where its ledger knows nothing of
    them, or has ``migration`` as it is.

    ``applied`` are the ids that the ledger has, ``checksum`` is what it has of the migration with this number.
    """
    if not migration.stands_for or checksum == migration.checksum:
        return None
    ids = tuple(name for name in dict.fromkeys(known_to(migration)) if name in applied)
    if ids in ((), (migration.id,)):
        return None
    lacks = tuple(name for name in migration.stands_for if name not in applied)
    if lacks:
        note = f"stands for {count(len(migration.stands_for), 'migration')}, of which only {_listed(ids)} ran here"
    else:
        note = f"applied as {ids[0]} and {count(len(ids) - 1, 'more', 'more')}; the ledger is to follow"
    return Folded(ids, lacks, note)


def halfway(migration: Migration, ids: Sequence[str], lacks: Sequence[str]) -> Refused:
    """The error where a database has the migrations ``ids`` of those that were folded into one, and lacks others."""
    return Refused(
        f"{migration.id} stands for {count(len(migration.stands_for), 'migration')} now, and this database has only "
        f"some of them: it lacks {_listed(lacks)}",
        where=Location(migration.up.path),
        details=(f"applied: {_listed(ids)}",),
        state="nothing was changed",
        hint=f"apply the rest with the files from before (sql/{ASIDE}/{migration.id}, or an older commit): name that "
        f"folder as `migrations` in a section {hints.section('before')} of {hints.settings_file()}, then: "
        f"{hints.command('migrate.up --env before --database …')}",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _SHOWN else f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
