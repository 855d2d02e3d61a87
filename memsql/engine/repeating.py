"""The repeatable scripts of a project beside a database: what state each is in, and the jobs that run them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from memsql import ledger
from memsql.db import Value
from memsql.engine.job import Job, Script, job_of
from memsql.project.files import Migration, SqlFile
from memsql.project.repeatables import Made, Repeatable, behind, used
from memsql.sqltext import MigrationHeader, effect, fold, quote
from memsql.sqltext.tokens import tokenize

ScriptState = Literal["applied", "pending", "changed", "missing"]
_OPERATION = "repeat"
_PREFIX = "sql/repeatable"


@dataclass(frozen=True, slots=True)
class ScriptStatus:
    """A repeatable script: ``state`` is pending where it never ran here, changed where its text or one of its objects
    is not as it was when it ran, missing where it ran and its file is gone while an object of it is there.

    ``stale``: its objects that are there, those of the text that ran before among them, folded, by type.
    ``on_tables``: those of them that are triggers on tables, with their texts. ``is_edited``: its text is not the one
    that ran.
    """

    name: str
    state: ScriptState
    script: Repeatable | None
    stale: tuple[Made, ...] = ()
    on_tables: Mapping[Made, str] = field(default_factory=dict)
    applied_at: str | None = None
    applied_by: str | None = None
    duration_ms: int | None = None
    note: str | None = None
    is_edited: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is to run."""
        return self.state in ("pending", "changed")


@dataclass(frozen=True, slots=True)
class ScriptJobs:
    """The jobs of repeatable scripts. ``first`` drop views before the migrations, so that these find none in their way;
    ``last`` drop triggers on tables, which have to be there while rows change, and make everything. ``whole``: all of
    it shares one transaction with the migrations. ``behind``: that cannot be, so the scripts run in one of their own.
    """

    first: tuple[Job, ...] = ()
    last: tuple[Job, ...] = ()
    whole: bool = False
    behind: bool = False


def statuses(
    scripts: Sequence[Repeatable], books: ledger.Ledger, live: Sequence[tuple[Value, ...]]
) -> tuple[ScriptStatus, ...]:
    """The state of each of ``scripts``, in their order, and of those that only the ledger knows. ``live`` are the views
    and triggers of the database, as (type, name, SQL)."""
    texts = {(str(kind), fold(str(name))): str(sql) for kind, name, sql in live}
    rows = {name: row for (operation, name), row in books.scripts.items() if operation == _OPERATION}
    result = [_status(script, rows.get(script.name), texts) for script in scripts]
    made = {obj for script in scripts for obj in script.objects}
    names = {script.name for script in scripts}
    for name, row in rows.items():
        left = [obj for obj in _recorded(row) if obj in texts and obj not in made] if name not in names else []
        if left:
            things = ", ".join(f"{kind} {obj}" for kind, obj in left)
            note = f"its file is gone, and {things} is still there"
            result.append(_with_row(ScriptStatus(name, "missing", None, tuple(left), note=note), row))
    return tuple(result)


def jobs_of(scripts: Sequence[ScriptStatus], migrations: Sequence[Job]) -> ScriptJobs:
    """The jobs that run what waits of ``scripts``, beside the jobs of ``migrations`` that wait.

    With a script run those that depend on it, because its objects are dropped first.
    """
    by_name = {s.name: s for s in scripts if s.script is not None}
    ordered = [s.script for s in by_name.values() if s.script is not None]
    chosen = [by_name[script.name] for script in behind(ordered, [s.name for s in scripts if s.waits])]
    stale = [obj for status in reversed(chosen) for obj in reversed(status.stale)]
    making = tuple(_making(status.script) for status in chosen if status.script is not None)
    if not migrations or not stale:
        return ScriptJobs(_dropping(stale), making, whole=bool(stale))
    on_tables = {obj: text for status in chosen for obj, text in status.on_tables.items()}
    views = [obj for obj in stale if obj not in on_tables]
    dropped = {name for kind, name in views if kind == "view"}
    modes = {job.header.foreign_keys for job in migrations}
    reads_view = any(not dropped.isdisjoint(used(text)) for text in on_tables.values())
    if reads_view or len(modes) > 1 or not all(job.header.transactional for job in migrations):
        return ScriptJobs(behind=True)
    keys = next(iter(modes))
    first, last = _dropping(views), (*_dropping(list(on_tables)), *making)
    return ScriptJobs(tuple(_with_keys(j, keys) for j in first), tuple(_with_keys(j, keys) for j in last), whole=True)


def _status(script: Repeatable, row: ledger.ScriptRow | None, live: Mapping[Made, str]) -> ScriptStatus:
    former = _recorded(row) if row is not None else ()
    stale = tuple(obj for obj in dict.fromkeys((*former, *script.objects)) if obj in live)
    triggers = {obj: live[obj] for obj in stale if obj[0] == "trigger"}
    on_tables = {obj: text for obj, text in triggers.items() if ("view", fold(effect(text).table or "")) not in live}
    waiting = ScriptStatus(script.name, "pending", script, stale, on_tables)
    if row is None:
        return waiting
    known = _with_row(waiting, row)
    if row.checksum != script.checksum:
        return replace(known, state="changed", note="its text changed", is_edited=True)
    for obj, text in script.made:
        kind, name = obj
        if obj not in live:
            return replace(known, state="changed", note=f"{kind} {name} is gone")
        if _stored(text) != _stored(live[obj]):
            return replace(known, state="changed", note=f"{kind} {name} is not as it makes it")
    return replace(known, state="applied")


def _with_row(status: ScriptStatus, row: ledger.ScriptRow) -> ScriptStatus:
    return replace(status, applied_at=row.started_at, applied_by=row.performed_by, duration_ms=row.duration_ms)


def _recorded(row: ledger.ScriptRow) -> tuple[Made, ...]:
    """The objects that it made when it ran last."""
    try:
        return tuple((str(kind), str(name)) for kind, name in json.loads(row.message or "[]"))
    except (ValueError, TypeError):
        return ()


def _stored(sql: str) -> list[str]:
    """The tokens of a CREATE, as SQLite stores them: names and strings as they are, other words in capitals."""
    return [token.text if token.kind in ("quoted", "string") else token.text.upper() for token in tokenize(sql)]


def _dropping(stale: Sequence[Made]) -> tuple[Job, ...]:
    """The job that drops objects, triggers before the views that they may be on."""
    if not stale:
        return ()
    ordered = sorted(stale, key=lambda obj: obj[0] == "view")
    # A migration may have dropped a trigger with its table.
    text = "".join(f"DROP {kind.upper()} IF EXISTS {quote(name)};\n" for kind, name in ordered)
    file = SqlFile(_PREFIX, _PREFIX, text.encode())
    return (replace(job_of(Migration(-1, "", _PREFIX, file, None), "up", MigrationHeader()), alone=Script("")),)


def _making(script: Repeatable) -> Job:
    """The job that runs ``script``."""
    migration = Migration(-1, script.name, script.name, script.file, None)
    job = job_of(migration, "up", script.header)
    return replace(job, alone=Script(_OPERATION, script.checksum, json.dumps(script.objects)))


def _with_keys(job: Job, foreign_keys: bool) -> Job:
    """``job`` as one that shares a transaction in which foreign keys are enforced, or not."""
    return replace(job, header=replace(job.header, foreign_keys=foreign_keys))
