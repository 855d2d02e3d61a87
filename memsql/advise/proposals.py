"""The indexes that a database lacks: candidates tried on a clone of its schema, and what each saves and costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memsql.advise.candidates import Candidate, candidates, covering, foreign_key
from memsql.advise.index_list import Index, equal_index, rowid_alias
from memsql.advise.naming import name_for
from memsql.advise.queries import QueryPlan
from memsql.advise.redundancy import unindexed
from memsql.advise.replica import Replica
from memsql.advise.selection import Benefit, Choice, Selection, Workload
from memsql.advise.table_samples import Sampler, TableSample, loaded
from memsql.advise.terms import TermUse, Usage
from memsql.advise.usages import usages_of
from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.project.queries import Query
from memsql.schema import ForeignKey, Schema, Table
from memsql.sqltext import fold, quote
from memsql.words import whole_number

_COVERED = 3
_COVERS_FROM = 100.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """An index to create. ``bytes`` and ``entries`` are about what it would take; ``benefits`` what it saves in one
    call of each query; ``reference``: the foreign key that has no index, where that is its reason. ``notes`` are
    sentences."""

    name: str
    candidate: Candidate
    bytes: int
    entries: int
    benefits: tuple[Benefit, ...]
    reference: str = ""
    notes: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        """The CREATE INDEX that makes it."""
        return self.candidate.statement(self.name)

    @property
    def index(self) -> Index:
        """The index that it would be."""
        return self.candidate.as_index(self.name)

    @property
    def saved(self) -> int:
        """Rows read that one call of each query saves together."""
        return sum(benefit.saved for benefit in self.benefits)


@dataclass(frozen=True, slots=True)
class Proposals:
    """``needed``: for queries that do not get the plan that their files expect, or expect none. ``beyond``: for those
    that get it, and would read far less. ``sources``: how much of each table was read for this; ``rows`` in all."""

    needed: tuple[Proposal, ...] = ()
    beyond: tuple[Proposal, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    rows: int = 0
    analyzed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go: how many rows of the database may be read, and whether to propose more than the files of the
    queries expect (``beyond``). ``defined``: the indexes that the migrations of the project make; they have names."""

    rows: int
    beyond: bool = False
    defined: Sequence[Index] = ()


@dataclass(frozen=True, slots=True)
class Database:
    """What is known before: the connection to the database, the clone with its indexes, and how many rows tables have
    where that is known."""

    conn: Connection
    limits: Limits
    clone: Replica
    indexes: Sequence[Index]
    rows: dict[str, int]

    @property
    def schema(self) -> Schema:
        return self.clone.schema


def proposals(database: Database, queries: Sequence[Query], plans: Sequence[QueryPlan]) -> Proposals:
    """What to create for ``queries``, which are filled, and whose ``plans`` are those of the database.

    The clone learns the statistics of the database, those of ANALYZE where it has some and sampled ones otherwise.
    """
    workloads = [
        Workload(query, tuple(usages_of(query, database.schema)), _is_content(query, plan))
        for query, plan in zip(queries, plans, strict=True)
        if plan.error is None
    ]
    usages = [usage for workload in workloads for usage in workload.usages]
    missing = list(_unindexed(database.schema, database.indexes))
    tables = {usage.table for usage in usages} | {table.name for table, _ in missing}
    stat1, stat4 = _learned(database.conn)
    analyzed = loaded(stat1)
    sampler = Sampler(database.conn, database.limits.rows // max(1, len(tables)))
    samples = {
        name: sampler.sample_of(
            table, _expressions(database, table, usages), _known(database, analyzed, name), _constants(usages, name)
        )
        for name, table in database.schema.tables.items()
        if name in tables
    }
    database.clone.learn([*stat1, *_stat1(database, samples, analyzed)], stat4)
    selection = Selection(database.clone, workloads, samples, database.indexes)
    rowids = {table.name: rowid_alias(table) for table in database.schema.tables.values()}
    tried = candidates(usages, database.indexes, rowids, lambda table, term: samples[table].distinct([term]))
    tried = [candidate for candidate in tried if database.clone.can_create(candidate.as_index("memsql_candidate"))]
    needed = selection.choose(tried)
    references = [*_alone(missing, needed)]
    needed = selection.beside(needed, [candidate for candidate, _ in references])
    needed = [_covered(choice, selection, database.schema) for choice in needed]
    beyond = selection.beyond(tried, needed) if database.limits.beyond else []
    writer = _Writer(database, selection, {table for table, _ in analyzed})
    return Proposals(
        tuple(writer.written(needed, references)),
        tuple(writer.written(beyond, [])),
        tuple((name, sample.source) for name, sample in samples.items()),
        sampler.read,
        frozenset(samples) & {name for name in samples if any(fold(name) == table for table, _ in analyzed)},
    )


def _is_content(query: Query, plan: QueryPlan) -> bool:
    """Whether the plan is what the file of the query expects, or at least uses the indexes that it names."""
    if not plan.breaches:
        return bool(query.expected)
    names = [wish.text for wish in query.expected if wish.property == "uses"]
    return bool(names) and not set(names) & set(plan.unmet)


class _Writer:
    """Gives names, sizes and notes to what was chosen."""

    def __init__(self, database: Database, selection: Selection, analyzed: set[str]) -> None:
        self._database, self._selection, self._analyzed = database, selection, analyzed
        self._taken = {fold(o.name) for o in database.schema.objects}

    def written(self, choices: Iterable[Choice], references: Iterable[tuple[Candidate, str]]) -> Iterable[Proposal]:
        """The proposals: what saves most first, and foreign keys last."""
        for choice in choices:
            yield self._proposal(choice, self._expected(choice), "")
        for candidate, reference in references:
            choice = Choice(candidate, ())
            yield self._proposal(choice, self._expected(choice), reference)

    def _proposal(self, choice: Choice, name: str | None, reference: str) -> Proposal:
        candidate = choice.candidate
        name = name or name_for(candidate, self._database.indexes, self._taken)
        self._taken.add(fold(name))
        return Proposal(
            name,
            candidate,
            self._selection.bytes_of(candidate),
            self._selection.entries_of(candidate),
            choice.benefits,
            reference,
            tuple(self._notes(choice)),
        )

    def _notes(self, choice: Choice) -> Iterable[str]:
        if choice.partner is not None:
            yield f"saves this together with the one on {choice.partner.table} {choice.partner.shown}"
        analyzed = fold(choice.candidate.table) in self._analyzed
        if choice.benefits and not analyzed and not self._selection.is_taken(choice, learned=False):
            yield "SQLite takes it only after ANALYZE, which this database has not seen"

    def _expected(self, choice: Choice) -> str | None:
        """The name that the migrations give it, or by which the file of a query expects it, if no other has that."""
        index = choice.candidate.as_index("")
        equal = equal_index(index, self._database.limits.defined)
        if equal is not None and fold(equal.name) not in self._taken:
            return equal.name
        others = {fold(other.name) for other in self._database.limits.defined}
        paths = {benefit.path for benefit in choice.benefits}
        wishes = [
            wish.index
            for workload in self._selection.workloads
            if workload.query.path in paths
            for wish in workload.query.expected
            if wish.property == "uses" and fold(wish.index) not in self._taken | others
        ]
        return wishes[0] if wishes else None


def _covered(choice: Choice, selection: Selection, schema: Schema) -> Choice:
    """``choice`` with the few other columns of its queries, so that the table is not read beside the index, where that
    spares many look-ups and all of its queries."""
    table = schema.tables[choice.candidate.table]
    paths = {benefit.path for benefit in choice.benefits}
    usages = [u for w in selection.workloads if w.query.path in paths for u in w.usages if u.table == table.name]
    # The rowid is in every index.
    columns = [c.name for c in table.columns if c.name != rowid_alias(table)]
    longer = [covering(choice.candidate, usage, columns, _COVERED) for usage in usages]
    if len(longer) != 1 or longer[0] is None or max(benefit.after for benefit in choice.benefits) < _COVERS_FROM:
        return choice
    return replace(choice, candidate=longer[0])


def _alone(missing: Iterable[tuple[Table, ForeignKey]], chosen: Sequence[Choice]) -> Iterable[tuple[Candidate, str]]:
    """The indexes for foreign keys that no other proposal serves."""
    for table, key in missing:
        indexes = [choice.candidate.as_index("") for choice in chosen if choice.candidate.table == table.name]
        if unindexed(key.columns, indexes, rowid_alias(table)):
            yield foreign_key(table.name, key.columns), f"({', '.join(key.columns)}) refers to {key.parent}"


def _unindexed(schema: Schema, indexes: Sequence[Index]) -> Iterable[tuple[Table, ForeignKey]]:
    for table in schema.tables.values():
        own = [index for index in indexes if index.table == table.name]
        for key in table.foreign_keys if table.kind == "table" else ():
            if unindexed(key.columns, own, rowid_alias(table)):
                yield table, key


def _learned(conn: Connection) -> tuple[list[tuple[Value, ...]], list[tuple[Value, ...]]]:
    """What ANALYZE found out on the database."""
    answers = conn.read_each([(load("advise/stat1"), ()), (load("advise/stat4"), ())])
    stat1, stat4 = ([] if isinstance(answer, StatementError) else answer.rows for answer in answers)
    return stat1, stat4


def _known(database: Database, analyzed: dict[tuple[str, str], str], table: str) -> int | None:
    """How many rows a table has, by the size of its pages or by ANALYZE."""
    if table in database.rows:
        return database.rows[table]
    first = [stat.partition(" ")[0] for (name, _), stat in analyzed.items() if name == fold(table)]
    # Anybody may write there.
    return max((number for text in first if (number := whole_number(text)) is not None), default=None)


def _expressions(database: Database, table: Table, usages: Iterable[Usage]) -> dict[str, str]:
    """What to compute of each row of ``table``: terms and conditions of indexes and queries, as far as the SQLite of
    this machine can."""
    texts: dict[str, str] = {}
    for index in database.indexes:
        if index.table == table.name:
            texts |= {term.text: term.text for term in index.terms} | (
                {index.where: index.where} if index.where else {}
            )
    for usage in usages:
        if usage.table == table.name:
            texts |= {term.text: term.text for term in _terms(usage)}
            texts |= {c.sql: c.sql for c in usage.conditions if c.sql and not c.varies}
            constants = [c for c in usage.of("equal") if c.constant and c.sql]
            whole = " AND ".join(c.sql for c in constants)
            texts |= {whole: whole, " and ".join(c.text for c in constants): whole} if constants else {}
    name = quote(table.name)
    answers = database.clone.conn.read_each([(f"SELECT ({sql}) FROM {name}", ()) for sql in texts.values()])
    return {
        key: sql
        for (key, sql), answer in zip(texts.items(), answers, strict=True)
        if not isinstance(answer, StatementError)
    }


def _constants(usages: Iterable[Usage], table: str) -> frozenset[str]:
    """The terms of ``table`` that queries compare with constants."""
    return frozenset(
        c.term.text for u in usages if u.table == table for c in u.of("equal") if c.constant and c.term is not None
    )


def _terms(usage: Usage) -> Iterable[TermUse]:
    branches = [usage.conditions, *usage.alternatives]
    yield from (c.term for branch in branches for c in branch if c.term is not None)
    yield from (term for term, _ in usage.order)


def _stat1(
    database: Database, samples: dict[str, TableSample], analyzed: dict[tuple[str, str], str]
) -> Iterable[tuple[Value, ...]]:
    """What sqlite_stat1 would say of the indexes of which it says nothing."""
    for name, sample in samples.items():
        own = [index for index in database.indexes if index.table == name]
        for index in own:
            if (fold(name), fold(index.name)) not in analyzed:
                table = database.schema.tables[name]
                is_table = index.constraint == "PRIMARY KEY" and table.without_rowid
                where = [index.where] if index.where else []
                stat = sample.row_of_stat1(index.terms, where, unique=index.unique)
                yield name, name if is_table else index.name, stat
        if not own and (fold(name), "") not in analyzed:
            yield name, None, str(sample.rows)
