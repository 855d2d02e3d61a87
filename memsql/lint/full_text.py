"""What a file leaves wrong with the full-text indexes that it has to do with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memsql.fts.diagnose import Content, Problem, diagnose
from memsql.fts.discover import FtsTable
from memsql.lint.catalogue import Catalogue
from memsql.lint.step import Steps
from memsql.sqltext import fold


def find_problems(steps: Steps, before: Catalogue | None, after: Catalogue) -> list[tuple[FtsTable, Problem]]:
    """The problems of FTS5 tables that the file creates, changes or whose triggers or content it changes, by table.

    A problem that was there before counts only where the file creates or drops the trigger concerned.
    """
    triggers = {step.name for step in steps.making("trigger")}
    triggers |= {step.name for step in steps.of("drop") if step.effect.object_type == "trigger"}
    tables = {step.name for step in steps.making("virtual", "table")}
    for step in steps.of("alter_rename", "alter_rename_column", "alter_drop_column"):
        tables |= step.names
    problems = []
    for table in by_name(_concerned(before, after, triggers, tables)):
        if not after.exact and not after.has(table.content):
            continue
        earlier = before.fts(table.name) if before is not None else None
        known = (
            {_identity(p) for p in diagnose_in(before, earlier)}
            if before is not None and earlier is not None
            else set()
        )
        problems += [
            (table, problem)
            for problem in diagnose_in(after, table)
            if _identity(problem) not in known or fold(problem.trigger or "") in triggers
        ]
    return problems


def diagnose_in(catalogue: Catalogue, table: FtsTable) -> list[Problem]:
    """What is wrong with ``table`` and its triggers, with the content that it has in ``catalogue``."""
    return diagnose(table, _content(catalogue, table))


def by_name(tables: Iterable[FtsTable | None]) -> list[FtsTable]:
    """These tables, each once, sorted by name."""
    named = {table.name: table for table in tables if table is not None}
    return [named[name] for name in sorted(named)]


def _concerned(
    before: Catalogue | None, after: Catalogue, triggers: set[str], tables: set[str]
) -> Iterator[FtsTable | None]:
    """The FTS5 tables that are one of ``tables``, or index one of them, or have one of ``triggers``, now or before."""
    for name in tables:
        yield after.fts(name)
        yield from after.fts_over(name)
    for catalogue in [c for c in (before, after) if c is not None]:
        for trigger in triggers:
            for table in filter(None, map(catalogue.fts, catalogue.words_of_trigger(trigger))):
                if any(fold(own.name) == trigger for own in table.triggers):
                    yield after.fts(table.name)


def _content(catalogue: Catalogue, table: FtsTable) -> Content:
    content, source = catalogue.table(table.content or ""), catalogue.table(table.source or "")
    text = source.sql if source is not None else ""
    if content is None:
        return Content(None, (), None, text)
    keys = [column for column in content.columns if column.pk]
    is_integer = len(keys) == 1 and keys[0].type.upper() == "INTEGER" and not content.without_rowid
    return Content(
        "view" if content.kind == "view" else "table",
        tuple(column.name for column in content.columns),
        keys[0].name if is_integer else None,
        text,
    )


def _identity(problem: Problem) -> tuple[str, str | None, str]:
    return problem.code, problem.trigger, problem.message
