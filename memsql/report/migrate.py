"""What migrate.* and legacy.* say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from memsql import hints
from memsql.project import plan
from memsql.project.plan import Status
from memsql.report.text import shorten, shown, table
from memsql.visible import page
from memsql.words import count, milliseconds

if TYPE_CHECKING:
    from memsql.actions.replicas import Caught
    from memsql.engine.job import Done
    from memsql.engine.state import Completed, Report, State
    from memsql.ledger import Row
    from memsql.legacy.claims import Outlook


# More lines of numbers would hide the one that says how the migration ended.
_CHANGES_SHOWN = 20


def status_text(state: State, target: str, outlook: Outlook | None = None) -> str:
    """The table of migrations, a summary line, and what to do next. ``target`` is the database as a person knows it,
    ``outlook`` what the ledgers of other tools say."""
    state = replace(state, statuses=outlook.statuses) if outlook else state
    rows = [
        (
            f"{s.version:04d}" if s.version >= 0 else "?",
            s.name,
            s.state.replace("_", " "),
            (s.applied_at or "")[:19],
            s.applied_by,
            milliseconds(s.duration_ms),
            s.note,
        )
        for s in state.statuses
    ]
    headers = ("version", "name", "state", "when (UTC)", "by", "took", "note")
    shown = len(headers) if any(row[-1] for row in rows) else len(headers) - 1
    lines = [f"database: {target}"]
    if rows:
        lines += ["", *table(headers[:shown], [row[:shown] for row in rows]), ""]
    lines += _scripts(state)
    lines += [summary(state.statuses), *_imported(state), *_ledgers(state, outlook), *_advice(state, outlook)]
    return page(lines)


def _scripts(state: State) -> list[str]:
    """A table of the repeatable scripts, where there are some."""
    rows = [
        (s.name, s.state, (s.applied_at or "")[:19], s.applied_by, milliseconds(s.duration_ms), s.note)
        for s in state.scripts
    ]
    rows += [
        (
            f"seed {s.seed.name}",
            s.state,
            (s.applied_at or "")[:19],
            s.applied_by,
            milliseconds(s.duration_ms),
            "its text changed; it does not run again" if s.is_changed else None,
        )
        for s in state.seeds
    ]
    if not rows:
        return []
    headers = ("script", "state", "when (UTC)", "by", "took", "note")
    shown = len(headers) if any(row[-1] for row in rows) else len(headers) - 1
    return [*table(headers[:shown], [row[:shown] for row in rows]), ""]


def _imported(state: State) -> list[str]:
    """A line for each of _others(), with the migration of ours that has its number, if there is one."""
    ours = {s.version: s.id for s in state.statuses if s.migration}
    return [
        f"imported from the ledger of another tool: {row.version} {row.name} ({row.status.replace('_', ' ')} "
        f"{row.applied_at[:19]}{f' by {row.applied_by}' if row.applied_by else ''})"
        + (f"; it is not {ours[row.version]}, which has the same number" if row.version in ours else "")
        for row in _others(state)
    ]


def _ledgers(state: State, outlook: Outlook | None) -> list[str]:
    """What the ledgers of other tools mean for a run."""
    if outlook is None:
        return []
    lines = [f"ledger of another tool: {name}" for name in outlook.ledgers]
    if outlook.problem is not None:
        lines += [f"problem: {outlook.problem.message}", *(f"  {line}" for line in shown(outlook.problem.details))]
        return [*lines, *([f"next: {outlook.problem.hint}"] if outlook.problem.hint else [])]
    if outlook.table is not None:
        command = hints.command(f"migrate.up{' --take-over' if state.ledger.taken else ''}")
        renames = ", which renames the table" if state.ledger.taken else ""
        lines.append(f"next: go on from there, once the schema proves it: {command}{renames}")
    return lines


def _others(state: State) -> list[Row]:
    """The rows of another tool that are no migrations of ours. One with number and name of ours is the same one."""
    ours = {(s.version, s.name) for s in state.statuses if s.migration}
    return [row for row in state.ledger.foreign if (row.version, row.name) not in ours]


def summary(statuses: Sequence[Status]) -> str:
    """``4 migrations: 3 applied, 1 pending``."""
    if not statuses:
        return f"no migrations yet; write the first with: {hints.command('migrate.create NAME')}"
    counts: dict[str, int] = {}
    for s in statuses:
        counts[s.state] = counts.get(s.state, 0) + 1
    parts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())
    return f"{count(len(statuses), 'migration')}: {parts}"


def _advice(state: State, outlook: Outlook | None) -> list[str]:
    if outlook is not None and outlook.decides:
        return []
    lines = [f"problem: memsql.sum: {problem}" for problem in state.project.sum_problems]
    if state.project.sum_problems:
        lines.append(f"next: look at the change, then write the sums anew: {hints.command('migrate.sum')}")
    if outlook is None and state.ledger.taken:
        from memsql.ledger.reading import name_is_taken

        refused = name_is_taken(state.ledger)
        lines += [f"problem: {refused.message}", *(f"  {line}" for line in refused.details), f"next: {refused.hint}"]
    if state.is_legacy:
        lines.append(f"this database has tables but no migration of ours; see: {hints.command('legacy.status')}")
    if any(s.state in (plan.EDITED, plan.MISSING) for s in state.statuses):
        lines.append(f"next: bring the files back (git checkout); or see: {hints.command('--help migrate.repair')}")
    late = [s.id for s in state.statuses if s.state == plan.OUT_OF_ORDER]
    if late and state.project.settings.out_of_order:
        lines.append(f"next: apply what comes late too, as `out_of_order = yes` says: {hints.command('migrate.up')}")
    elif late:
        lines.append(
            f"next: let it come after the last one: {hints.command(f'migrate.renumber {late[0]}')}; or apply it where "
            f"it stands: {hints.command('migrate.up --out-of-order')}"
        )
    if any(s.former for s in state.statuses):
        lines.append(
            f"next: let the ledger follow the new numbers: {hints.command('migrate.up')}, or "
            f"{hints.command('migrate.repair')}"
        )
    elif any(s.lacks for s in state.statuses):
        lines.append(f"this database is from before a squash; how it goes on, says: {hints.command('migrate.up')}")
    elif any(s.folded and s.incomplete for s in state.statuses):
        lines.append(f"next: let the ledger follow the squash: {hints.command('migrate.up')}")
    elif any(s.incomplete for s in state.statuses):
        lines.append(
            f"next: yoyo changed this database by itself; complete the ledger with: {hints.command('migrate.repair')}"
        )
    elif (any(s.state in plan.WAITING for s in state.statuses) or state.waiting_scripts) and not lines:
        lines.append(f"next: {hints.command('migrate.up')}")
    return lines


def needs_work(state: State) -> bool:
    """Whether ``migrate.status --check`` fails: something waits, was edited, or does not agree with the files."""
    return (
        bool(state.project.sum_problems)
        or state.is_legacy
        or any(s.state != plan.APPLIED or s.incomplete for s in state.statuses)
        or any(s.state != plan.APPLIED for s in state.scripts)
    )


def status_data(state: State, target: str, outlook: Outlook | None = None) -> dict[str, object]:
    """The same as fields of the JSON output."""
    state = replace(state, statuses=outlook.statuses) if outlook else state
    return {
        "database": target,
        "migrations": [
            {
                "version": s.version,
                "name": s.name,
                "state": s.state,
                "applied_at": s.applied_at,
                "applied_by": s.applied_by,
                "duration_ms": s.duration_ms,
                "note": s.note,
            }
            for s in state.statuses
        ],
        "repeatables": [
            {
                "name": s.name,
                "state": s.state,
                "objects": [f"{kind} {name}" for kind, name in (s.script.objects if s.script else s.stale)],
                "applied_at": s.applied_at,
                "applied_by": s.applied_by,
                "duration_ms": s.duration_ms,
                "note": s.note,
            }
            for s in state.scripts
        ],
        "seeds": [
            {"name": s.seed.name, "state": s.state, "applied_at": s.applied_at, "applied_by": s.applied_by}
            for s in state.seeds
        ],
        "imported": [asdict(row) for row in _others(state)],
        "legacy": state.is_legacy,
        "ledgers": list(outlook.ledgers) if outlook else [],
        "ledger_problem": outlook.problem.message if outlook and outlook.problem else None,
        "sum_problems": list(state.project.sum_problems),
    }


def run_text(report: Report, verb: str) -> str:
    """What a run did, and where the database stands after it. ``verb`` is "applied" or "rolled back"."""
    lines = [*report.adopted, *map(_completed_text, report.completed)]
    lines += [f"note: {notice}" for notice in report.notices]
    for done in report.done:
        lines += _done(done, verb)
    for done in report.scripts:
        lines += _done(done, "ran seed" if done.script == "seed" else "ran script")
    if not (report.done or report.scripts):
        complete = not (verb == "rolled back" or report.adopted or report.completed or report.waiting)
        lines.append("nothing to do: every migration is applied" if complete else "nothing to do")
    elif report.locked_ms:
        lines.append(f"the write lock was held for {milliseconds(report.locked_ms)}")
    lines.append(f"now: {count(report.applied, 'migration')} applied, {report.waiting} pending")
    return page(lines)


def _completed_text(completed: Completed) -> str:
    if completed.folded:
        number = count(len(completed.folded), "migration")
        first = min(completed.folded, key=lambda name: int(name.partition("_")[0]))
        return f"the ledger has {completed.id} now, which stands for {number}: {first} to {completed.id}"
    if completed.former is None:
        return f"completed the ledger for {completed.id}"
    return f"{completed.former} was renumbered: the ledger has it as {completed.id} now"


def _done(done: Done, verb: str) -> list[str]:
    """A migration that ran, with what it lost by permission. ``verb`` is "applied" or "rolled back"."""
    lines = [f"{verb} {done.id}  ({milliseconds(done.duration_ms)}, {outcome(done)})"]
    lines += [f"  rebuilt full-text index {name}" for name in done.rebuilt]
    lines += account_lines(done, "lost, as allowed")
    lines += structure_lines(done)
    return [*lines, *(f"  warning: {warning}" for warning in done.warnings)]


def outcome(done: Done) -> str:
    """What its proof says: ``proven``, or that and that something was not."""
    return "proven, except as said below" if done.unproven else "proven"


def structure_lines(done: Done) -> list[str]:
    """What a migration broke with permission, which definitions it made weaker, and what was not proven."""
    return [
        *(f"  broken, as allowed: {sentence}" for sentence in done.broken),
        *(f"  weaker: {sentence}" for sentence in done.weaker),
        *(f"  not proven: {sentence}" for sentence in done.unproven),
    ]


def account_lines(done: Done, lost: str) -> list[str]:
    """What a migration changed by name, and what it lost with permission; ``lost`` begins the lines about losses."""
    account = done.account
    more = len(account.changes) - _CHANGES_SHOWN
    return [
        *(f"  {change.message}" for change in account.changes[:_CHANGES_SHOWN]),
        *([f"  … and changes of {more} more kinds, which --json lists"] if more > 0 else []),
        *(f"  {lost}: {loss.message}" for loss in account.losses),
        *(f"  {note}" for note in account.notes),
    ]


def run_data(report: Report) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "done": [done_data(d) for d in report.done],
        "scripts": [
            {
                "name": d.name,
                "kind": d.script,
                "duration_ms": d.duration_ms,
                "weaker": list(d.weaker),
                "unproven": list(d.unproven),
            }
            for d in report.scripts
        ],
        "applied": report.applied,
        "pending": report.waiting,
        "completed": [c.id for c in report.completed if c.former is None],
        "renumbered": [{"from": c.former, "to": c.id} for c in report.completed if c.former is not None],
        "notices": list(report.notices),
        "locked_ms": report.locked_ms,
        "adopted": list(report.adopted),
    }


def replicas_text(caught: Sequence[Caught]) -> str:
    """A line for each replica that serves the new state, with the time until it did."""
    return page(f"replica {c.url} serves it  (after {milliseconds(c.waited_ms)})" for c in caught)


def replicas_data(caught: Sequence[Caught]) -> list[dict[str, object]]:
    """The same as fields of the JSON output."""
    return [{"url": c.url, "waited_ms": c.waited_ms} for c in caught]


def done_data(done: Done) -> dict[str, object]:
    """A migration that ran, as fields. Only a rehearsal has ``statements``."""
    data: dict[str, object] = {
        "id": done.id,
        "version": done.version,
        "name": done.name,
        "direction": done.direction,
        "duration_ms": done.duration_ms,
        "lost": [loss.message for loss in done.account.losses],
        "losses": [
            {"table": loss.table, "column": loss.column, "rows": loss.rows, "example": loss.example}
            for loss in done.account.losses
        ],
        "changes": [
            {"what": change.what, "table": change.table, "column": change.column, "rows": change.rows}
            for change in done.account.changes
        ],
        "notes": list(done.account.notes),
        "rebuilt": list(done.rebuilt),
        "broken": list(done.broken),
        "weaker": list(done.weaker),
        "unproven": list(done.unproven),
        "warnings": list(done.warnings),
    }
    if done.timings:
        data["statements"] = [
            {"number": t.number, "line": t.line, "sql": shorten(t.text), "duration_ms": round(t.ms, 3), "rows": t.rows}
            for t in done.timings
        ]
    return data
