"""What became of the indexes, triggers and constraints of tables that a migration made anew."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.engine.job import Job
from memsql.engine.structure import snapshot
from memsql.engine.structure.excerpt import excerpts
from memsql.engine.structure.missing import Missing, missing
from memsql.engine.structure.origin import created_by, objects_after
from memsql.engine.structure.snapshot import Change, Snapshot
from memsql.schema.remade import NameChanges
from memsql.schema.weaker import weaker
from memsql.sqltext.names import quote_if_needed


@dataclass(frozen=True, slots=True)
class LostDefinitions:
    """``missing``: a sentence for each index and trigger that is gone without permission; ``remedies`` say what to do;
    ``weaker``: a sentence for each definition that holds less than before."""

    missing: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()


def lost_definitions(job: Job, after: Snapshot, change: Change, before: Snapshot) -> LostDefinitions:
    """What ``job``, which made the ``change`` between ``before`` and ``after``, lost of definitions."""
    names = NameChanges(job.analysis.dropped, job.analysis.renames, job.analysis.columns)
    parts = excerpts(before, after, change, names)
    if parts is None:
        return LostDefinitions()
    gone = _unpermitted(job, missing(after, change, names, parts))
    return LostDefinitions(
        tuple(map(str, gone)), tuple(_remedy(m) for m in gone[:1]), weaker(parts.old, parts.new, parts.owners)
    )


def _unpermitted(job: Job, gone: list[Missing]) -> list[Missing]:
    """Those of ``gone`` that are gone without permission."""
    rules = {allow.rule.upper() for allow in job.header.allows}
    if "MS11" in rules:
        return []
    if "MS14" in rules:
        gone = [m for m in gone if m.object.type != "trigger"]
    if gone and job.direction == "down" and not job.guarded:
        own = created_by(job.migration, [snapshot.key_of(m.object) for m in gone])
        earlier = objects_after(job.earlier) if own else None
        own = frozenset(key for key in own if earlier is None or key not in earlier)
        gone = [m for m in gone if snapshot.key_of(m.object) not in own]
    return gone


def _remedy(lost: Missing) -> str:
    obj = lost.object
    drop = f"DROP {obj.type.upper()} {quote_if_needed(obj.name)};"
    return f"create it again in this file; if it is to go, write `{drop}` before it goes, or `-- allow: MS11 <reason>`"
