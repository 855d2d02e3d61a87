"""Refuses a job that writes the shadow tables of a virtual table: before it runs where its text says so, else when it
fires a trigger that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from memsql.engine import statements
from memsql.engine.job import Job
from memsql.engine.loss.guard import Virtual
from memsql.errors import FileError, Location, Refused
from memsql.project import shadows
from memsql.sqltext import Effect, effect, split
from memsql.sqltext.names import unquote


def refuse_by_name(job: Job, virtual: Callable[[], Virtual]) -> None:
    """Raise FileError where a statement of ``job`` names a shadow table to write it. ``virtual`` reads the virtual
    tables of the database before it; it is asked only where the text may name a shadow."""
    if job.analysis.replayed or not _may_name_shadow(job):
        return
    for line, text, refusal in shadows.refusals(_steps(job), virtual().owners):
        raise FileError(
            f"{job.file.path} {refusal.message}",
            where=Location(job.file.path, line),
            statement=text,
            state="nothing of it was run",
            hint=refusal.hint,
        )


def refuse_by_trigger(job: Job, writes: Mapping[str, tuple[str, str]]) -> None:
    """Raise Refused where a trigger wrote a shadow table while ``job`` ran. ``writes``: as in Accounting."""
    if not writes or job.analysis.replayed:
        return
    trigger, (table, owner) = min(writes.items())
    raise Refused(
        f"{job.migration.id} fires trigger {trigger}, which writes {table}, a shadow table that belongs to the virtual "
        f"table {owner}: {owner} would not know of it",
        where=Location(job.file.path),
        hint=f"drop the trigger before, or let it {shadows.instead(owner)}",
    )


def _may_name_shadow(job: Job) -> bool:
    bulk, start = job.analysis.bulk, 0
    for end in job.file.likely_cuts:
        table = bulk.get(end)
        text = job.file.data[start:end] if table is None else unquote(table).encode()
        if shadows.may_name_shadow(text):
            return True
        start = end
    return False


def _steps(job: Job) -> Iterator[tuple[int, str, Effect]]:
    for chunk in statements.chunks(job.file):
        for statement in split(chunk.text):
            yield chunk.line + statement.line - 1, statement.text, effect(statement.text)
