"""The result of a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from memsql.lint import Finding
from memsql.schema.erd import Erd

Kind = Literal["new", "edited", "removed", "renamed"]
Verdict = Literal["safe", "not proven", "needs attention", "blocks"]
WayBack = Literal["proven", "loses data as allowed", "needs permission", "does not restore", "none", "not tried"]
"""How the rollback went. It needs permission where up or down is refused because it would lose data."""
_NO_ERD = Erd((), ())
ORDER = {"error": 0, "warning": 1, "info": 2}
ALLOWED = "allowed: "
"""How the message of a finding begins that the header of its file allows."""


@dataclass(frozen=True, slots=True)
class StatementResult:
    """What a statement of a migration did to made-up rows. ``rows`` is the number of rows it wrote, None where it did
    not run. ``whole``: it wrote every row of a table. ``loses``: it removes values, which the schema alone cannot give
    back."""

    line: int
    kind: str
    text: str
    tables: tuple[str, ...]
    rows: int | None
    _: KW_ONLY
    whole: bool
    loses: bool


@dataclass(frozen=True, slots=True)
class Migrated:
    """A changed migration. ``files`` are its paths relative to the project, ``rows`` is the number of made-up rows by
    table, ``left_out`` the number of statements that ``statements`` does not list, and ``was`` its name in the base
    where it was renamed."""

    name: str
    version: int
    kind: Kind
    files: tuple[str, ...]
    description: str = ""
    statements: tuple[StatementResult, ...] = ()
    left_out: int = 0
    way_back: WayBack = "not tried"
    rows: tuple[tuple[str, int], ...] = ()
    tables: tuple[str, ...] = ()
    was: str = ""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """How the plan of a query changed: ``effect`` is slower, faster, broken or other."""

    name: str
    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    effect: str
    message: str


@dataclass(frozen=True, slots=True)
class Review:
    """The review of a change. ``prefix`` is the path of the project in its repository ("" or "db/"). ``renames`` are
    the commands that give migrations free versions. ``notes`` say what was not tried. ``diagram`` is ``erd`` in
    Mermaid."""

    base: str
    prefix: str
    files: tuple[str, ...]
    migrations: tuple[Migrated, ...] = ()
    findings: tuple[Finding, ...] = ()
    schema: tuple[str, ...] = ()
    plans: tuple[PlanChange, ...] = ()
    renames: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    diagram: str = ""
    tables: tuple[str, ...] = ()
    erd: Erd = _NO_ERD

    def count(self, severity: str) -> int:
        """How many findings are this severe."""
        return sum(1 for f in self.findings if f.severity == severity)

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)

    @property
    def not_tried(self) -> tuple[Finding, ...]:
        """What was not tried, and is not allowed to be."""
        return not_tried(self.findings)


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The verdict on a change with these ``findings``: it is safe only where there is nothing to say and everything was
    tried."""
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return "blocks"
    if "warning" in severities:
        return "needs attention"
    return "not proven" if not_tried(findings) else "safe"


def not_tried(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those of ``findings`` that say that something was not tried."""
    return tuple(f for f in findings if f.rule == "MR15" and not f.message.startswith(ALLOWED))


def severest(findings: tuple[Finding, ...]) -> int:
    """The rank of the most severe of ``findings``: 0 for an error, 3 where there are none."""
    return min((ORDER[f.severity] for f in findings), default=3)
