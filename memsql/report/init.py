"""What init says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql.author.from_database import Draft
from memsql.author.init import Plan
from memsql.visible import page


@dataclass(frozen=True, slots=True)
class Begun:
    """What init did in the folder ``root``, or would do (``dry_run``), and the commands that come ``next``."""

    root: str
    plan: Plan
    next: tuple[str, ...]
    dry_run: bool = False


def text(begun: Begun, more: Sequence[str] = ()) -> str:
    """What was written and what was there, what to paste by hand, and the next commands as they are typed. ``more``
    are lines about what else was done."""
    plan, would = begun.plan, "would " if begun.dry_run else ""
    lines = [f"project: {begun.root}"]
    for addition in plan.additions:
        verb = f"{would}add to" if addition.is_there and would else "added to" if addition.is_there else ""
        verb = verb or (f"{would}write" if would else "wrote")
        lines.append(f"{verb} {addition.shown}" + (f": {addition.what}" if addition.what else ""))
    lines += [f"{sentence}: left as it is" for sentence in plan.present]
    lines += more
    for snippet in plan.snippets:
        lines.append(f"{snippet.shown} is there, and is left as it is. Put this into it yourself:")
        lines += [f"    {line}" for line in snippet.text.splitlines()]
    lines += [f"note: {note}" for note in plan.notes]
    return page([*lines, "next:", *(f"    {command}" for command in begun.next)])


def data(begun: Begun) -> dict[str, object]:
    """The same as fields of the JSON output."""
    plan = begun.plan
    return {
        "project": begun.root,
        "dry_run": begun.dry_run,
        "written": [addition.shown for addition in plan.additions if not addition.is_there],
        "appended": [addition.shown for addition in plan.additions if addition.is_there],
        "present": list(plan.present),
        "snippets": [{"file": snippet.shown, "text": snippet.text} for snippet in plan.snippets],
        "notes": list(plan.notes),
        "next": list(begun.next),
    }


def baseline_lines(draft: Draft, target: str, renamed: str | None, *, dry_run: bool) -> list[str]:
    """What was proven of a baseline, what it leaves out, and what became of the database ``target``.

    ``renamed``: a line about a table of another tool."""
    name = draft.pair.name.id
    lines = [f"proven: on an empty database {name} makes the schema of {target}, and its rollback takes it away"]
    if draft.left_out:
        lines.append(f"left out, because others keep them for themselves: {', '.join(draft.left_out)}")
    lines += [renamed] if renamed else []
    done = f"would adopt {target}" if dry_run else f"adopted {target}"
    return [*lines, f"{done}: {name} counts as applied there, and no row is touched"]


def baseline_data(draft: Draft, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {"database": target, "marked": [draft.pair.name.id], "left_out": list(draft.left_out)}
