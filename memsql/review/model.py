"""What a review says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memsql.lint import Finding

Kind = Literal["new", "edited", "removed", "renamed"]
Verdict = Literal["safe", "needs attention", "blocks"]
WayBack = Literal["proven", "loses data as allowed", "needs permission", "does not restore", "none", "not tried"]
"""What became of the way back; it needs permission where up or down is refused because it would lose data."""
ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """A statement of a migration, as it went on made-up rows. ``rows`` counts what it wrote, None where it did not run;
    ``whole``: every row of a table was written; ``loses``: what it takes away is not to be had from the schema alone."""

    line: int
    kind: str
    text: str
    tables: tuple[str, ...]
    rows: int | None
    whole: bool
    loses: bool


@dataclass(frozen=True, slots=True)
class Migrated:
    """A changed migration: ``files`` are its files as the project names them, ``rows`` what was made up in which table,
    ``left_out`` the number of statements that are not listed."""

    name: str
    version: int
    kind: Kind
    files: tuple[str, ...]
    description: str = ""
    statements: tuple[Row, ...] = ()
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
    """A change, looked at. ``prefix`` is the path of the project in its repository; ``renames`` are the commands that give
    migrations free versions; ``notes`` say what was not tried."""

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

    def count(self, severity: str) -> int:
        """How many findings are this severe."""
        return sum(1 for f in self.findings if f.severity == severity)

    @property
    def verdict(self) -> Verdict:
        if self.count("error"):
            return "blocks"
        return "needs attention" if self.count("warning") else "safe"


def severest(findings: tuple[Finding, ...]) -> int:
    """A key that sorts the most severe first."""
    return min((ORDER[f.severity] for f in findings), default=3)
