"""Which full-text indexes a job must rebuild or leave in step with their content, and whether they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memsql.db import Connection, Touched
from memsql.engine.job import Job
from memsql.engine.session import SchemaCache
from memsql.errors import StatementError
from memsql.sqltext import fold

if TYPE_CHECKING:
    from memsql.fts import FtsTable
    from memsql.fts.filling import Filling


@dataclass(frozen=True, slots=True)
class IndexWork:
    """Indexes to ``rebuild`` because the header asks for it, and to ``check`` because the job reached them.

    ``unknown`` is a name of the header that is no FTS5 table, ``existing`` the FTS5 tables there are.
    """

    rebuild: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    unknown: str | None = None
    existing: tuple[str, ...] = ()


def work_after(schema: SchemaCache, job: Job, touched: Touched) -> IndexWork:
    """The work that a run of ``job`` leaves, which wrote to what ``touched`` says."""
    analysis = job.analysis
    # An index of a renamed table goes on reading its content under the old names.
    renamed = {old for old, _ in analysis.renames} | {table for table, _, _ in analysis.columns} | analysis.strips
    if not (job.header.fts_rebuild or touched.written() or touched.virtual or renamed or analysis.dropped):
        return IndexWork()
    written = {fold(t) for t in touched.written() | touched.created} | renamed | analysis.dropped
    indexes = schema.fts()
    reached = [name for name, content in indexes.items() if written & {fold(name), *content}]
    return work_for(job, indexes, reached)


def work_for(job: Job, indexes: Collection[str], reached: Sequence[str]) -> IndexWork:
    """The work on ``indexes``, all FTS5 tables, of which ``job`` ``reached`` some: rebuild those that its header
    names, check these and the reached ones."""
    names = job.header.fts_rebuild
    spelled = {fold(name): name for name in indexes}
    for name in names:
        if not indexes if name == "all" else fold(name) not in spelled:
            return IndexWork(unknown=name, existing=tuple(indexes))
    rebuild = reached if names == ("all",) else [spelled[fold(name)] for name in names if name != "all"]
    return IndexWork(tuple(rebuild), tuple(sorted({*reached, *rebuild})))


@dataclass(frozen=True, slots=True)
class IndexProof:
    """What became of the indexes: a sentence for each that disagrees with its content (``broken``), and for each of
    which nobody can tell (``unproven``)."""

    broken: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()


def rebuild_and_check(conn: Connection, work: IndexWork) -> IndexProof:
    """Do ``work`` in the open transaction.

    Raises StatementError where the engine ended the transaction, such as on a full disk.
    """
    if not (work.rebuild or work.check):
        return IndexProof()
    from memsql.fts import doubt_about, named, prove_in_transaction, rebuild_in_transaction

    for name in work.rebuild:
        reason = doubt_about(conn, named(conn, [name])[0])
        if reason:
            return IndexProof((reason,))
        try:
            rebuild_in_transaction(conn, [name])
        except StatementError as e:
            if not conn.in_transaction:
                raise
            return IndexProof((disagrees(name, e),))
    proofs = prove_in_transaction(conn, work.check)
    return IndexProof(
        tuple(proof.problem for proof in proofs if proof.problem),
        tuple(proof.unproven for proof in proofs if proof.unproven),
    )


@dataclass(frozen=True, slots=True)
class IndexItem:
    """One statement of the work on the index ``table`` in a request to a server; ``way``: which rows belong into it."""

    statement: str
    table: FtsTable
    way: Filling | None

    def explain(self, error: StatementError) -> str:
        """The sentence for the index where this statement raised ``error``."""
        from memsql.fts import proof

        return disagrees(self.table.name, error) if self.way is None else proof.sentence(self.table, self.way, error)


def items(schema: Connection, work: IndexWork) -> list[IndexItem] | None:
    """``work`` as part of a request. ``schema``: a copy of the server's schema as it is after the job. None where the
    rows decide how an index is to be proven, so that no list of statements does it."""
    if not (work.rebuild or work.check):
        return []
    from memsql.fts import proof
    from memsql.fts.discover import named
    from memsql.fts.filling import fillings, rebuild_statements

    rebuilt, checked = named(schema, work.rebuild), named(schema, work.check)
    if not all(map(proof.is_provable_at_once, [*rebuilt, *checked])):
        return None
    return [
        *(
            IndexItem(text, table, fillings(table)[0])
            for table in rebuilt
            for text in rebuild_statements(table, temporary=False)
        ),
        *(
            IndexItem(text, table, way)
            for table in checked
            for way in fillings(table)
            for text in proof.statements_of(table, way, temporary=False)
        ),
    ]


def disagrees(name: str, error: StatementError) -> str:
    """The sentence for the index ``name`` whose check or rebuild raised ``error``."""
    return f"{name} does not agree with its content; searches may fail or miss rows ({error.message})"
