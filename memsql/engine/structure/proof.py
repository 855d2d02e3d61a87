"""The proof of the structure of one job: begin() before its statements, findings() after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.engine.job import Job
from memsql.engine.structure import snapshot
from memsql.engine.structure.broken import (
    Messages,
    failing,
    mismatched,
    mismatched_in,
    newly_broken,
    sentence,
    without_those_of,
)
from memsql.engine.structure.cache import StructureCache
from memsql.engine.structure.origin import objects_after
from memsql.engine.structure.snapshot import Naming, Snapshot, StoredObject
from memsql.sqltext import effect, fold, statements
from memsql.sqltext.names import quote_if_needed

# What may remove a definition; the second is ALTER COLUMN of libSQL.
_REMOVES = re.compile(rb"drop|alter[^;]*\balter", re.IGNORECASE)
_RENAMES = re.compile(rb"rename", re.IGNORECASE)
_REFERS = re.compile(rb"references", re.IGNORECASE)
_ADDS = re.compile(rb"view|trigger", re.IGNORECASE)
_ALTERS = re.compile(rb"alter", re.IGNORECASE)
# To search a larger text costs more than to compare all objects.
_SEARCHED = 1 << 16


@dataclass(frozen=True, slots=True)
class Structure:
    """What a job did to the structure.

    ``problems`` has a sentence for each view and trigger that it broke, and each index and trigger that it lost;
    ``remedies`` say what to do about them. ``broken``: what it broke with permission. ``unproven``: views and triggers
    that cannot be compiled here. ``weaker``: constraints and definitions that hold less than before.
    """

    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()


UNTOUCHED = Structure()


@dataclass(frozen=True, slots=True)
class Before:
    """What begin() remembers: the objects, or where the migration only adds views and triggers, the ``place`` of the
    newest object, None where it adds none. ``altered``: the tables, folded, that get a column, where nothing is renamed
    or dropped; None where everything has to be compared. ``children``: the tables, folded, that get foreign keys."""

    snapshot: Snapshot | None
    place: int | None = None
    altered: frozenset[str] | None = None
    children: frozenset[str] = frozenset()


def begin(cache: StructureCache, job: Job) -> Before | None:
    """What findings() needs to know of the time before ``job``; None where it certainly breaks nothing: it only creates
    tables and indexes, or adds columns to tables that nothing names."""
    text = job.file.data
    if len(text) > _SEARCHED or _REMOVES.search(text) or _RENAMES.search(text):
        return Before(cache.snapshot())
    altered: frozenset[str] = frozenset()
    children = _children(job) if _REFERS.search(text) else frozenset()
    if _ALTERS.search(text) and cache.dependents():
        effects = (effect(statement.text) for statement in statements(job.file.text()))
        altered = frozenset(fold(e.name or "") for e in effects if e.kind.startswith("alter"))
        if not snapshot.reached(cache.dependents(), altered):
            altered = frozenset()
    if altered or (children and _ALTERS.search(text)):
        return Before(cache.snapshot(), cache.last_place(), altered, children)
    adds = _ADDS.search(text)
    return Before(None, cache.last_place() if adds else None, altered, children) if children or adds else None


def findings(conn: Connection, cache: StructureCache, job: Job, before: Before | None) -> Structure:
    """What ``job`` did to the objects of ``before``, which begin() returned. ``conn`` has the schema after it."""
    if before is None:
        return UNTOUCHED
    if before.altered is None:
        assert before.snapshot is not None
        return compare(conn, cache, job, (before.snapshot, cache.snapshot()))
    new = cache.created_behind(before.place) if before.place is not None else []
    dependents = cache.dependents() if before.altered else Naming(new)
    suspects = snapshot.reached(dependents, before.altered, new)
    failed = _failing(conn, cache, suspects, new)
    if before.children:
        failed |= mismatched(conn, before.children, enforced=job.enforces_keys)
    if not failed:
        return UNTOUCHED
    after = snapshot.read(conn)
    keys = {snapshot.key_of(o) for o in new} | {("table", name) for name in before.children}
    others = [o for o in after.rows if snapshot.key_of(o) not in keys]
    return _broken(cache, job, failed, (before.snapshot or Snapshot.of_rows(others), after))


def compare(conn: Connection, cache: StructureCache, job: Job, moments: tuple[Snapshot, Snapshot]) -> Structure:
    """What ``job`` did to the objects between two ``moments``, before and after it; ``conn`` as for findings()."""
    before, after = moments
    change = before.change_to(after)
    if not (change.gone or change.new):
        return UNTOUCHED
    cache.follow(change)
    suspects = snapshot.reached(after.dependents, change.names, change.new)
    failed = _failing(conn, cache, suspects, change.new)
    removes = len(job.file.data) > _SEARCHED or _REMOVES.search(job.file.data)
    added = frozenset(fold(o.name) for o in change.new if o.type == "table" and snapshot.key_of(o) not in before)
    if added:
        failed |= mismatched_in(after, added)
    if removes:
        referring = (snapshot.key_of(o) for o in after.referring_to(change.names))
        failed |= {key: "" for key in referring if key in before}
    structure = _broken(cache, job, failed, moments) if failed else UNTOUCHED
    if not (removes and change.gone):
        return structure
    # Imported only here: most runs need nothing of the package memsql.schema, which takes long to import.
    from memsql.engine.structure.definitions import lost_definitions

    lost = lost_definitions(job, after, change, before)
    return replace(
        structure,
        problems=(*structure.problems, *lost.missing),
        remedies=(*structure.remedies, *lost.remedies),
        weaker=(*structure.weaker, *lost.weaker),
    )


def _children(job: Job) -> frozenset[str]:
    """The tables, folded, that statements of ``job`` create or alter which speak of references."""
    texts = (statement.text for statement in statements(job.file.text()))
    effects = (effect(text) for text in texts if "references" in text.lower())
    makes = (e for e in effects if e.kind.startswith("alter") or (e.kind == "create" and e.object_type == "table"))
    return frozenset(fold(e.name or "") for e in makes if e.schema is None or fold(e.schema) == "main")


def _failing(
    conn: Connection, cache: StructureCache, suspects: Sequence[StoredObject], new: Sequence[StoredObject]
) -> Messages:
    """Those of ``suspects`` that do not compile and did before, as far as the cache knows. ``new``: what the job
    created."""
    if not suspects:
        return {}
    cache.broken -= {snapshot.key_of(o) for o in new}
    cache.limited -= {snapshot.key_of(o) for o in new}
    failed = failing(conn, [o for o in suspects if snapshot.key_of(o) not in cache.limited])
    cache.broken -= {snapshot.key_of(o) for o in suspects} - failed.keys()
    return {key: message for key, message in failed.items() if key not in cache.broken}


def _broken(cache: StructureCache, job: Job, failed: Messages, moments: tuple[Snapshot, Snapshot]) -> Structure:
    broken = newly_broken(failed, *moments)
    if broken.new and job.direction == "down" and not job.guarded:
        broken = without_those_of(objects_after(job.earlier), broken)
    permits = {fold(permit.name) for permit in job.header.broken}
    orphans = [o.name for o, message in broken.new if _lost_its_parent(o, message, moments[1])]
    new = [(o, sentence(o, message)) for o, message in broken.new if o.name not in orphans]
    refused = [(o, text) for o, text in new if permits.isdisjoint((fold(o.name), fold(o.table)))]
    cache.broken |= broken.old | {snapshot.key_of(o) for o, _ in broken.new}
    cache.limited |= broken.limited
    return Structure(
        problems=tuple(text for _, text in refused),
        remedies=_permits([o for o, _ in refused]),
        broken=tuple(text for o, text in new if (o, text) not in refused),
        unproven=broken.unproven,
        weaker=tuple(f"{name} cannot be written: a foreign key of it names a table that is gone" for name in orphans),
    )


def _lost_its_parent(obj: StoredObject, message: str, after: Snapshot) -> bool:
    """Whether ``obj`` is a table whose parent was dropped for good, which its author wrote by name. Not where triggers
    write to the table, for then other tables cannot be written either."""
    if obj.type != "table" or not message.startswith("no such table"):
        return False
    name = fold(obj.name)
    return not after.dependents.triggers([name])


def _permits(objects: list[StoredObject]) -> tuple[str, ...]:
    lines = ", ".join(f"`-- allow: broken {quote_if_needed(o.name)} <reason>`" for o in objects)
    return (f"correct the file; if that is meant, write into its header: {lines}",) if objects else ()
