"""The proof of the structure of one job: begin() before its statements, findings() after them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.engine.job import Job
from memsql.engine.structure import snapshot
from memsql.engine.structure.broken import failing, newly_broken
from memsql.engine.structure.cache import StructureCache
from memsql.engine.structure.excerpt import Excerpts, excerpts
from memsql.engine.structure.missing import Missing, missing
from memsql.engine.structure.origin import created_by
from memsql.engine.structure.snapshot import Change, Snapshot
from memsql.schema.model import Object
from memsql.schema.weaker import weaker
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed

# What may remove a definition; the second is ALTER COLUMN of libSQL.
_REMOVES = re.compile(rb"drop|alter[^;]*\balter", re.IGNORECASE)
_ADDS = re.compile(rb"view|trigger", re.IGNORECASE)
_ALTERS = re.compile(rb"alter", re.IGNORECASE)


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


def begin(cache: StructureCache, job: Job) -> Snapshot | None:
    """The objects before ``job``; None where it certainly breaks none: it only creates tables and indexes, or adds
    columns where nothing depends on a table."""
    text = job.file.data
    if _REMOVES.search(text) or _ADDS.search(text) or (_ALTERS.search(text) and cache.has_dependents()):
        return cache.snapshot()
    return None


def findings(conn: Connection, cache: StructureCache, job: Job, before: Snapshot | None) -> Structure:
    """What ``job`` did to the objects of ``before``, which begin() returned. ``conn`` has the schema after it."""
    if before is None:
        return UNTOUCHED
    after = snapshot.read(conn)
    cache.keep(after)
    return compare(conn, cache, job, (before, after))


def compare(conn: Connection, cache: StructureCache, job: Job, moments: tuple[Snapshot, Snapshot]) -> Structure:
    """What ``job`` did to the objects between two ``moments``, before and after it; ``conn`` as for findings()."""
    before, after = moments
    change = snapshot.change(before, after)
    if not (change.gone or change.new):
        return UNTOUCHED
    structure = _broken(conn, cache, job, (before, after, change))
    parts = excerpts(before, after, change, job.analysis) if _REMOVES.search(job.file.data) else None
    if parts is None:
        return structure
    gone = _missing(job, after, change, parts)
    return replace(
        structure,
        problems=(*structure.problems, *(str(m) for m in gone)),
        remedies=(*structure.remedies, *(_remedy(m) for m in gone[:1])),
        weaker=weaker(parts.old, parts.new, parts.owners),
    )


def _missing(job: Job, after: Snapshot, change: Change, parts: Excerpts) -> list[Missing]:
    """The indexes and triggers that are gone without permission."""
    rules = {allow.rule for allow in job.header.allows}
    if "MS11" in rules:
        return []
    gone = missing(after, change, job.analysis, parts)
    if "MS14" in rules:
        gone = [m for m in gone if m.object.type != "trigger"]
    if gone and job.direction == "down" and not job.guarded:
        own = created_by(job.migration, job.earlier, [snapshot.key_of(m.object) for m in gone])
        gone = [m for m in gone if snapshot.key_of(m.object) not in own]
    return gone


def _remedy(lost: Missing) -> str:
    obj = lost.object
    drop = f"DROP {obj.type.upper()} {quote_if_needed(obj.name)};"
    return f"create it again in this file; if it is to go, write `{drop}` before it goes, or `-- allow: MS11 <reason>`"


def _broken(conn: Connection, cache: StructureCache, job: Job, moments: tuple[Snapshot, Snapshot, Change]) -> Structure:
    before, after, change = moments
    known = cache.broken - {snapshot.key_of(o) for o in change.new}
    suspects = [o for o in snapshot.reached(after, change) if snapshot.key_of(o) not in known]
    failed = failing(conn, suspects) if suspects else {}
    if not failed:
        return UNTOUCHED
    broken = newly_broken(failed, before, after)
    permits = {fold(permit.name) for permit in job.header.broken}
    new = [(o, _sentence(o, message)) for o, message in broken.new]
    refused = [(o, text) for o, text in new if permits.isdisjoint((fold(o.name), fold(o.table)))]
    cache.broken |= broken.old | {snapshot.key_of(o) for o, _ in broken.new}
    return Structure(
        problems=tuple(text for _, text in refused),
        remedies=_permits([o for o, _ in refused]),
        broken=tuple(text for o, text in new if (o, text) not in refused),
        unproven=broken.unproven,
    )


def _sentence(obj: Object, message: str) -> str:
    if obj.type == "view":
        return f"view {obj.name} cannot be read: {message}"
    return f"trigger {obj.name} on {obj.table} cannot run: {message}"


def _permits(objects: list[Object]) -> tuple[str, ...]:
    lines = ", ".join(f"`-- allow: broken {quote_if_needed(o.name)} <reason>`" for o in objects)
    return (f"correct the file; if that is meant, write into its header: {lines}",) if objects else ()
