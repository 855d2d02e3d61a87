"""What a rule sees of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from memsql.fts.diagnose import Problem
from memsql.fts.discover import FtsTable
from memsql.lint.carried import carried
from memsql.lint.catalogue import Catalogue
from memsql.lint.full_text import find_problems
from memsql.lint.header import HeaderProblem
from memsql.lint.holdings import NOTHING_KNOWN, Holdings, holdings
from memsql.lint.rebuild import Copy, Rebuild, find_copies, find_rebuilds
from memsql.lint.references import Children, children_of_dropped
from memsql.lint.siblings import Siblings
from memsql.lint.step import Step, Steps, switches
from memsql.lint.trial import Broken
from memsql.project import shadows
from memsql.project.admission import Mode, Refusal, left_off, left_off_refusal, names_ledger, refusal
from memsql.sqltext import MigrationHeader, fold
from memsql.targets import TargetEngine


@dataclass(frozen=True)
class Script:
    """A file as rules see it.

    ``kind`` is migration, rollback, check, query, snapshot, legacy or other. ``before`` is the schema before the
    file runs, None where that is not known; ``after`` the schema it leaves, ``final`` the one after all
    migrations. ``failures`` tells by statement number what SQLite said where a statement does not run;
    ``broken`` are the queries that a statement stops from running.
    ``undoes_nothing``: it is the rollback of a migration that holds no statement.
    ``strings`` holds the offsets of names in double quotes that SQLite takes for strings. ``made_by_up`` names what the
    migration of a rollback makes. ``siblings`` are the .sql files of a migrations folder, None for a file elsewhere.
    ``checked``: the versions that have a check in sql/checks, None where that is not known. ``targets``: the engines on
    which the file is to run, none where the project names none.
    """

    path: str
    kind: str
    text: str
    header: MigrationHeader
    problems: tuple[HeaderProblem, ...]
    steps: Steps
    before: Catalogue | None
    after: Catalogue
    final: Catalogue | None = None
    failures: Mapping[int, str] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    strings: frozenset[int] = frozenset()
    siblings: Siblings | None = None
    made_by_up: frozenset[str] = frozenset()
    undoes_nothing: bool = False
    checked: frozenset[int] | None = None
    targets: tuple[TargetEngine, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.replace("\\", "/").rpartition("/")[2]

    @property
    def is_way_back(self) -> bool:
        """Whether it undoes another file."""
        return self.name.endswith(".rollback.sql")

    @property
    def transactional(self) -> bool:
        """Whether memsql runs it in a transaction."""
        return self.kind in ("migration", "rollback", "legacy") and self.header.transactional

    @property
    def mode(self) -> Mode:
        """How memsql runs it."""
        return "legacy" if self.kind == "legacy" else "transaction" if self.header.transactional else "stepwise"

    @cached_property
    def refusals(self) -> list[tuple[Step, Refusal]]:
        """The statements that memsql refuses to run, and why."""
        if self.kind not in ("migration", "rollback", "legacy"):
            return []
        # A file of data has hundreds of thousands of statements, and few that need a look.
        closely = self.mode == "stepwise" or names_ledger(self.text)
        steps = self.steps if closely else self.of("pragma", "explain", "transaction", "attach", "detach", "vacuum")
        refusals = [(step, refusal(step.text, step.effect, self.mode)) for step in steps]
        left = left_off(switches(self.steps)) if self.header.foreign_keys else None
        refused_steps = [(step, refused) for step, refused in refusals if refused is not None]
        return (
            refused_steps
            + self._on_shadows()
            + ([(left, left_off_refusal())] if left is not None and self.kind != "legacy" else [])
        )

    def _on_shadows(self) -> list[tuple[Step, Refusal]]:
        """Those that write the shadow tables of a virtual table."""
        if not shadows.may_name_shadow(self.text.encode(errors="replace")):
            return []
        owners = self.before.virtual() if self.before is not None else {}
        steps = ((step, step.text, step.effect) for step in self.steps)
        return [(step, refusal) for step, _, refusal in shadows.refusals(steps, owners)]

    @cached_property
    def copies(self) -> list[Copy]:
        """Every ``INSERT … SELECT`` of the file."""
        return find_copies(self.steps)

    @cached_property
    def rebuilds(self) -> list[Rebuild]:
        """Every table that the file makes anew."""
        return find_rebuilds(self.steps, self.copies)

    @cached_property
    def remade(self) -> list[Rebuild]:
        """Of each table that the file makes anew, the last time it does."""
        return list({rebuild.table: rebuild for rebuild in self.rebuilds}.values())

    @cached_property
    def _children(self) -> dict[int, Children]:
        return children_of_dropped(self.steps, self.before) if self.before is not None else {}

    def children(self, drop: Step) -> Children:
        """The tables that refer to a table when ``drop`` drops it; none where the schema before is not known."""
        return self._children.get(drop.number, {})

    @cached_property
    def _carried(self) -> Mapping[str, frozenset[str]]:
        return carried(self.steps, self.before, self.after) if self.before is not None else {}

    def carries(self, table: str, columns: Iterable[str]) -> bool:
        """Whether the file copies all these ``columns`` of ``table`` (folded) as they are, so that no value is lost."""
        wanted = set(columns)
        return bool(wanted) and wanted <= self._carried.get(table, frozenset())

    @cached_property
    def _holdings(self) -> dict[int, Holdings]:
        return holdings(self.steps, self.before)

    def held(self, step: Step) -> Holdings:
        """Which tables and columns certainly hold nothing when a statement that is no INSERT runs."""
        return self._holdings.get(step.number, NOTHING_KNOWN)

    @cached_property
    def full_text_problems(self) -> list[tuple[FtsTable, Problem]]:
        """What the file leaves wrong with full-text indexes."""
        return find_problems(self.steps, self.before, self.after)

    def of(self, *kinds: str) -> Iterator[Step]:
        """The statements of these kinds of effect, in the order of the file within each kind."""
        return self.steps.of(*kinds)

    def making(self, *types: str) -> Iterator[Step]:
        """The statements that create an object of one of these types."""
        return self.steps.making(*types)

    def existed(self, table: str | None) -> bool:
        """Whether ``table`` may have held rows before the file: it was there, or nobody knows and the file does not
        make it."""
        if self.before is not None and (self.before.exact or self.before.has(table)):
            return self.before.has(table)
        return not any(fold(table or "") == step.name for step in self.making("table", "virtual", "view"))
