"""What the engines of the setting ``target`` let a derived migration do."""

from __future__ import annotations

from collections.abc import Iterable

from memsql.author.change import Abilities
from memsql.author.change.steps import NO_ABILITIES
from memsql.sqltext import split
from memsql.targets import TargetEngine, parse_targets, uses

_DROP = "ALTER TABLE t DROP COLUMN a"
_CONSTRAINTS = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)"


def abilities(targets: tuple[TargetEngine, ...]) -> Abilities:
    """What ALTER TABLE can do on each of ``targets``, and where a migration is proven: here."""
    if not targets:
        return NO_ABILITIES
    constraints = not _refusals(_CONSTRAINTS, (*targets, *parse_targets("sqlite")))
    return Abilities(not _refusals(_DROP, targets), constraints)


def could_do_more(targets: tuple[TargetEngine, ...]) -> bool:
    """Whether ``targets`` can change constraints in place, and the SQLite that runs here cannot."""
    return bool(targets) and not _refusals(_CONSTRAINTS, targets) and not abilities(targets).constraints


def obstacles(texts: Iterable[str], targets: tuple[TargetEngine, ...]) -> tuple[str, ...]:
    """What in the migration ``texts`` one of ``targets`` does not accept, in sentences."""
    if not targets:
        return ()
    sentences = (s for text in texts for statement in split(text) for s in _refusals(statement.text, targets))
    return tuple(dict.fromkeys(sentences))


def _refusals(statement: str, targets: Iterable[TargetEngine]) -> list[str]:
    return [f"{use.feature.name}: {reason}" for use in uses(statement) for _, reason in use.refused_by(targets)]
