"""Whether a plan is what its query file expects of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from memsql.advise.plans import Catalogue, Node
from memsql.project.contracts import Expectation
from memsql.sqltext import fold


@dataclass(frozen=True, slots=True)
class Breach:
    """An expectation, as its author wrote it, that does not hold. ``fact``: why; ``absent``: the name in it that is not
    there, and ``names`` what there is instead."""

    expectation: str
    fact: str
    absent: str = ""
    names: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def reason(self) -> str:
        """Why it does not hold, with the name that may be meant. Looking for that takes milliseconds."""
        if not self.absent:
            return self.fact
        # Few need it, and it takes time to load.
        from difflib import get_close_matches

        near = get_close_matches(fold(self.absent), sorted(self.names), 1)
        return self.fact + (f"; did you mean {near[0]}?" if near else "")

    def __str__(self) -> str:
        return f"{self.expectation!r} does not hold: {self.reason}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database of a plan has: its catalogue, and by the folded name of a view the tables that it reads."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    behind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def breaches(expected: Iterable[Expectation], nodes: Sequence[Node], facts: Facts) -> tuple[Breach, ...]:
    """Those of ``expected`` that do not hold for the plan ``nodes``. How many rows it reads is not in a plan, and no
    such expectation is among them: see costs_of()."""
    judged = (_breach(expectation, nodes, facts) for expectation in expected)
    return tuple(breach for breach in judged if breach is not None)


def _breach(expectation: Expectation, nodes: Sequence[Node], facts: Facts) -> Breach | None:
    catalogue = facts.catalogue
    if expectation.property == "no scan":
        names = [*expectation.tables, *expectation.others]
        unknown = next((name for name in names if not _known(name, nodes, facts)), None)
        if unknown is not None:
            fact = f"there is no table or view {unknown}"
            return Breach(expectation.text, fact, unknown, (*catalogue.tables, *catalogue.views))
    reason = _reason(expectation, nodes, facts)
    if reason is None:
        return None
    if expectation.property == "uses" and catalogue.tables and fold(expectation.index) not in catalogue.indexes:
        wanted = expectation.index
        return Breach(expectation.text, f"there is no index {wanted}", wanted, tuple(catalogue.indexes))
    return Breach(expectation.text, reason)


def _reason(expectation: Expectation, nodes: Sequence[Node], facts: Facts) -> str | None:
    match expectation.property:
        case "no scan":
            return _scans(expectation, nodes, facts)
        case "no sort":
            rows = [node for node in nodes if node.temporary]
            return f"sorts in a temporary b-tree: {_listed(node.temporary for node in rows)}" if rows else None
        case "no automatic index":
            built = [node for node in nodes if node.automatic]
            return f"builds an index for this query alone: {_listed(node.detail for node in built)}" if built else None
        case "uses":
            return _other_index(expectation.index, nodes)
        case "rows read":
            return None


def _scans(expectation: Expectation, nodes: Sequence[Node], facts: Facts) -> str | None:
    only, others = _tables(expectation.tables, facts), _tables(expectation.others, facts)
    reasons = []
    for node in nodes:
        if not node.reads_whole_table or node.table is None:
            continue
        table = fold(node.table)
        if (not only or table in only) and table not in others:
            purpose = {"filter": " to build a Bloom filter"}.get(node.kind, "")
            purpose = " to build an automatic index" if node.automatic else purpose
            reasons.append(f"reads all of {node.table}{purpose} ({node.detail})")
    return "; ".join(dict.fromkeys(reasons)) or None


def _known(name: str, nodes: Sequence[Node], facts: Facts) -> bool:
    return (
        fold(name) in facts.catalogue.tables
        or fold(name) in facts.catalogue.views
        or any(node.table is not None and fold(node.table) == fold(name) for node in nodes)
    )


def _tables(names: Sequence[str], facts: Facts) -> set[str]:
    """The folded names of the tables ``names``, and of those behind the views among them."""
    return {
        fold(table)
        for name in names
        for table in (facts.behind.get(fold(name), ()) if fold(name) in facts.catalogue.views else (name,))
    }


def _other_index(wanted: str, nodes: Sequence[Node]) -> str | None:
    used = [node.index for node in nodes if node.index is not None]
    if any(fold(index) == fold(wanted) for index in used):
        return None
    return f"uses {_listed(used)} instead" if used else "uses no index"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
