"""Which of the candidates to advise: the planner tries each on the clone, and the sample says how many rows that saves.

One index after the other is chosen: the one that saves most beside those chosen before, and of those that save nearly
as much the smallest. So an index that serves several queries wins over one for each, and one that saves little beside
another is not advised.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from memsql.advise.candidates import Candidate
from memsql.advise.index_list import Index
from memsql.advise.queries import QueryPlan
from memsql.advise.replica import Replica
from memsql.advise.sampled_reads import Estimate, Known, estimate
from memsql.advise.table_samples import TableSample
from memsql.advise.terms import Usage
from memsql.project.queries import Query
from memsql.sqltext import fold

_MOST = 50
_MOST_PAIRS = 60
_NEARLY = 0.8
# Fewer rows read or sorted in a call are not worth an index.
_LEAST = 20
_WORSE = 1.5
_TRIAL = "memsql_candidate"


@dataclass(frozen=True, slots=True)
class Workload:
    """A query, what it asks of tables, and whether its file says what it expects of the plan and gets it; how many rows
    it reads is judged by the estimate."""

    query: Query
    usages: tuple[Usage, ...]
    is_content: bool = False


@dataclass(frozen=True, slots=True)
class Benefit:
    """What an index saves in one call of a query: rows read before and after it, rows that are no longer sorted, and
    what its file expects of its plan, and gets by the index."""

    query: str
    path: str
    before: int
    after: int
    unsorted: int = 0
    fulfilled: tuple[str, ...] = ()

    @property
    def saved(self) -> int:
        """Rows read that are saved."""
        return max(0, self.before - self.after)


@dataclass(frozen=True, slots=True)
class Choice:
    """An index to create, and what it saves; ``benefits`` are those beside what is chosen before it. ``partner``: the
    one that it needs for that, on the other side of a join."""

    candidate: Candidate
    benefits: tuple[Benefit, ...]
    partner: Candidate | None = None

    @property
    def saved(self) -> int:
        """Rows read that one call of each query saves together."""
        return sum(benefit.saved for benefit in self.benefits)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A query with certain indexes: its plan, and what it reads."""

    plan: QueryPlan
    cost: Estimate


@dataclass(slots=True)
class Selection:
    """Chooses among candidates for ``workloads`` on ``clone``, which has learned the statistics."""

    clone: Replica
    workloads: Sequence[Workload]
    samples: Mapping[str, TableSample]
    indexes: Sequence[Index]
    _plain: dict[int, _Outcome] = field(init=False, default_factory=dict)
    _scores: dict[Hashable, tuple[float, tuple[Benefit, ...]] | None] = field(init=False, default_factory=dict)

    def choose(self, candidates: Sequence[Candidate]) -> list[Choice]:
        """The candidates to create, in the order of what they save, for the queries that are not content."""
        wanted = frozenset(range(len(self.workloads))) - self._content()
        return self._pruned(self._choose(candidates, [], wanted, least=0), wanted)

    def beside(self, choices: Sequence[Choice], others: Sequence[Candidate]) -> list[Choice]:
        """``choices`` without those that save nothing where ``others`` are there too."""
        wanted = frozenset(range(len(self.workloads))) - self._content()
        return self._pruned(list(choices), wanted, others)

    def beyond(self, candidates: Sequence[Candidate], chosen: Sequence[Choice]) -> list[Choice]:
        """The same beside ``chosen`` for the queries that are content, where much would be saved."""
        return self._choose(candidates, list(chosen), self._content(), least=_LEAST)

    def _content(self) -> frozenset[int]:
        outcomes = self._outcomes([], range(len(self.workloads)))
        return frozenset(
            n for n, workload in enumerate(self.workloads) if workload.is_content and not self._excess(n, outcomes[n])
        )

    def _excess(self, place: int, outcome: _Outcome) -> set[str]:
        """The expectations of a query on the rows that it reads that do not hold."""
        wishes = [wish for wish in self.workloads[place].query.expected if wish.property == "rows read"]
        return {wish.text for wish in wishes if outcome.cost.shown > wish.most}

    def is_taken(self, choice: Choice, *, learned: bool) -> bool:
        """Whether a plan uses the index, with the statistics (``learned``) or without any."""
        places = [n for n, w in enumerate(self.workloads) if any(b.path == w.query.path for b in choice.benefits)]
        group = [choice.candidate, *([choice.partner] if choice.partner is not None else [])]
        outcomes = self._outcomes(group, places, learned=learned)
        return any(_uses(outcome.plan, 0) for outcome in outcomes.values())

    def plans_with(self, candidates: Sequence[Candidate]) -> list[QueryPlan]:
        """The plans of all queries where ``candidates`` are there."""
        outcomes = self._outcomes(candidates, range(len(self.workloads)))
        return [outcomes[n].plan for n in range(len(self.workloads))]

    def _choose(
        self, candidates: Sequence[Candidate], chosen: list[Choice], wanted: frozenset[int], *, least: int
    ) -> list[Choice]:
        before, new = [choice.candidate for choice in chosen], list[Choice]()
        remaining = [candidate for candidate in candidates if candidate not in before]
        while remaining and len(new) < _MOST:
            now = [*before, *(choice.candidate for choice in new)]
            best = self._best(((candidate,) for candidate in remaining), now, wanted, least)
            best = best or self._best(self._pairs(remaining, wanted), now, wanted, least)
            if best is None:
                break
            group, benefits = best
            new += [Choice(one, benefits, next((other for other in group if other is not one), None)) for one in group]
            remaining = [candidate for candidate in remaining if candidate not in group]
        return new

    def _best(
        self,
        groups: Iterable[tuple[Candidate, ...]],
        beside: Sequence[Candidate],
        wanted: frozenset[int],
        least: int,
    ) -> tuple[tuple[Candidate, ...], tuple[Benefit, ...]] | None:
        """The group that saves most, or the smallest of those that save nearly as much, and what it saves."""
        scores = [(score, g, benefits) for g in groups for score, benefits in self._score(g, beside, wanted, least)]
        if not scores:
            return None
        top = max(score for score, _, _ in scores)
        _, group, benefits = min(
            (s for s in scores if s[0] >= top * _NEARLY),
            key=lambda s: (sum(map(self.bytes_of, s[1])), -s[0], [(len(c.terms), c.shown) for c in s[1]]),
        )
        return group, benefits

    def _pairs(self, candidates: Sequence[Candidate], wanted: frozenset[int]) -> list[tuple[Candidate, ...]]:
        """Pairs of candidates on two tables that a query joins: one may be of no use without the other."""
        pairs: dict[tuple[Candidate, ...], None] = {}
        for n in sorted(wanted):
            tables = {usage.table for usage in self.workloads[n].usages}
            own = [candidate for candidate in candidates if candidate.table in tables]
            pairs |= dict.fromkeys(pair for pair in combinations(own, 2) if pair[0].table != pair[1].table)
        return list(pairs)[:_MOST_PAIRS]

    def _pruned(self, chosen: list[Choice], wanted: frozenset[int], beside: Sequence[Candidate] = ()) -> list[Choice]:
        """``chosen`` without those that save nothing any more beside the ones chosen later, and ``beside``."""
        for choice in [choice for choice in chosen if choice.partner is None]:
            others = [*beside, *(other.candidate for other in chosen if other is not choice)]
            if not any(True for _ in self._score((choice.candidate,), others, wanted, 0)):
                chosen.remove(choice)
        return chosen

    def _score(
        self, group: tuple[Candidate, ...], beside: Sequence[Candidate], wanted: frozenset[int], least: int
    ) -> Iterator[tuple[float, tuple[Benefit, ...]]]:
        """What ``group`` saves ``beside`` others; nothing where it saves nothing, or makes a query worse."""
        tables = {candidate.table for candidate in group}
        places = [n for n, w in enumerate(self.workloads) if any(u.table in tables for u in w.usages)]
        # An index on a table that none of these queries reads makes no difference to them.
        near = {usage.table for n in places for usage in self.workloads[n].usages}
        others = tuple(candidate for candidate in beside if candidate.table in near)
        question = (group, others, wanted, least)
        if question not in self._scores:
            self._scores[question] = self._computed(group, others, places, wanted, least)
        score = self._scores[question]
        if score is not None:
            yield score

    def _computed(
        self,
        group: tuple[Candidate, ...],
        beside: tuple[Candidate, ...],
        places: Sequence[int],
        wanted: frozenset[int],
        least: int,
    ) -> tuple[float, tuple[Benefit, ...]] | None:
        without, outcomes = self._outcomes(beside, places), self._outcomes([*beside, *group], places)
        score, benefits = 0.0, []
        for n in places:
            was, now = without[n], outcomes[n]
            if self._is_worse(n, was, now, by_contract=not least or n not in wanted):
                return None
            # What reads one row cannot read less.
            if (
                n not in wanted
                or was.cost.rows < 2
                or not all(_uses(now.plan, len(beside) + m) for m in range(len(group)))
            ):
                continue
            unsorted = was.cost.sorted_rows if not now.cost.sorted_rows and not least else 0.0
            saved = was.cost.rows - now.cost.rows
            unmet = [*was.plan.unmet, *sorted(self._excess(n, was))]
            still = {*now.plan.unmet, *self._excess(n, now)}
            fulfilled = () if least else tuple(text for text in unmet if text not in still)
            enough = max(least, _LEAST)
            if (saved >= enough and now.cost.rows * 2 <= was.cost.rows) or unsorted >= enough or fulfilled:
                # What its author asks for is worth as much as all rows that the query reads.
                score += saved + unsorted + was.cost.rows * bool(fulfilled)
                query, cost = self.workloads[n].query, now.cost
                benefits.append(Benefit(query.name, query.path, was.cost.shown, cost.shown, round(unsorted), fulfilled))
        return (score, tuple(benefits)) if benefits and score > 0 else None

    def _is_worse(self, place: int, was: _Outcome, now: _Outcome, *, by_contract: bool) -> bool:
        """Whether a query reads far more than before, sorts, or is less than before what its file expects."""
        if now.cost.rows > was.cost.rows * _WORSE + 1 or (now.cost.sorted_rows > 1 and not was.cost.sorted_rows):
            return True
        lost = set(now.plan.unmet) - set(was.plan.unmet) if by_contract else set()
        names = {fold(index.name) for index in self.indexes}
        # An index that is not there may be what the trial calls otherwise.
        wishes = [wish for wish in self.workloads[place].query.expected if wish.text in lost]
        return any(wish.property != "uses" or fold(wish.index) in names for wish in wishes)

    def _outcomes(
        self, candidates: Sequence[Candidate], places: Sequence[int], *, learned: bool = True
    ) -> dict[int, _Outcome]:
        if not candidates and learned and all(n in self._plain for n in places):
            return self._plain
        indexes = [c.as_index(f"{_TRIAL}_{n}") for n, c in enumerate(candidates)]
        rows = [
            self.samples[c.table].row_of_stat1([term for term, _ in c.terms], [c.where] if c.where else [])
            for c in candidates
        ]
        by_name = {fold(index.name): index for index in [*self.indexes, *indexes]}
        known = Known(self.samples, by_name)
        with self.clone.with_indexes(list(zip(indexes, rows, strict=True)), learned=learned):
            plans = self.clone.plans([self.workloads[n].query for n in places])
        outcomes = {
            n: _Outcome(plan, estimate(plan.nodes, self.workloads[n].usages, known))
            for n, plan in zip(places, plans, strict=True)
        }
        if not candidates and learned:
            self._plain |= outcomes
        return outcomes

    def bytes_of(self, candidate: Candidate) -> int:
        """About how many bytes the index would take."""
        sample = self.samples[candidate.table]
        return round(self.entries_of(candidate) * sample.width([term for term, _ in candidate.terms]))

    def entries_of(self, candidate: Candidate) -> int:
        """How many entries it would have."""
        return self.samples[candidate.table].entries([candidate.where] if candidate.where else [])


def _uses(plan: QueryPlan, place: int) -> bool:
    return any(node.index is not None and fold(node.index) == f"{_TRIAL}_{place}" for node in plan.nodes)
