"""Take over the ledger of a tool whose files were imported: what it says is applied counts as applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from memsql import hints
from memsql.author.importing import Imported
from memsql.config import Settings
from memsql.db import connection
from memsql.engine.state import RunOptions, State, read_state
from memsql.errors import MemsqlError
from memsql.legacy import takeover
from memsql.legacy.claims import decide, few
from memsql.progress import Progress
from memsql.project.load import Project, in_order, load_project


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the ledger is taken over. ``take_over``: its table may be renamed where it has the name of ours."""

    _: KW_ONLY
    dry_run: bool
    take_over: bool


def take_over_ledger(
    settings: Settings, imported: Imported, wishes: Wishes, *, progress: Progress, gate: Callable[[str], None]
) -> tuple[str, ...]:
    """Make the ledger of the tool of ``imported`` that of memsql, in the database of ``settings``, and return sentences
    about it. ``gate`` hears what will be done, and may refuse it.

    Raises like takeover.take_over(). The files that were imported stay then, and the error says so.
    """
    try:
        project = _project(settings, imported)
        options = RunOptions(take_over=wishes.take_over, ledger=imported.tool.word)
        with connection(settings.target, "ro", settings.busy_timeout) as conn:
            state = read_state(project, conn)
        nothing = _nothing(state, imported)
        if nothing is not None:
            return (nothing,)
        plan = decide(state, options)
        ids = few([m.id for m in plan.migrations]) if plan is not None else ""
        if plan is None:
            return (f"{imported.tool.title} says that nothing is applied in {settings.target}",)
        if wishes.dry_run:
            takeover.prove(settings, state, plan)
            return (f"{plan.ledger.says} says what is applied, and the schema proves it: {ids}",)
        gate(f"take over the ledger {plan.ledger.says}")
        adoption = takeover.take_over_of(settings, project, options, progress)
        return adoption.lines if adoption else ("the ledger of memsql knows this database already",)
    except MemsqlError as e:
        if imported.files:
            e.state = f"the files are written; {e.state or 'the database is as it was'}"
        raise


def _project(settings: Settings, imported: Imported) -> Project:
    """The project as it is after the import."""
    if not imported.pairs or imported.files:
        return load_project(settings)
    folder = settings.show(settings.migrations)
    existing = load_project(settings).ordered if settings.migrations.is_dir() else ()
    return Project(settings, in_order([*existing, *(pair.files(folder) for pair in imported.pairs)]))


def _nothing(state: State, imported: Imported) -> str | None:
    """Why there is nothing to take over; None where there is something."""
    if state.ledger.yoyo:
        return "the ledger of memsql knows this database already"
    if all(other.table.word != imported.tool.word for other in state.others):
        return (
            f"this database has no ledger of {imported.tool.title}: nothing was taken over there; "
            f"see: {hints.command('migrate.status')}"
        )
    return None
