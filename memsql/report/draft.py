"""What migrate.create --from says."""

from __future__ import annotations

from memsql import hints
from memsql.author.derive import Draft
from memsql.visible import page
from memsql.words import count


def text(draft: Draft, source: str, reason: str | None) -> str:
    """What differs from the schema file ``source``, what was written, and what to know before it is applied.

    ``reason`` is why data may be lost, as the files already say it.
    """
    if not draft.files:
        text = f"nothing differs: {source} is what the migrations make; nothing was written"
        return page([text, *(f"note: {note}" for note in draft.notes)])
    lines = [*("  " + line for line in draft.differences), *(f"wrote {path}" for path in draft.files)]
    rows = sum(number for _, number in draft.rows)
    lines.append(f"proven: up, down and up again, on an empty database and on {count(rows, 'made-up row')}")
    lines += ["rebuilt: " + ", ".join(draft.rebuilds)] if draft.rebuilds else []
    lines += [f"note: {note}" for note in draft.notes]
    for task, losses in zip(("migrate.up", "migrate.down"), draft.losses, strict=True):
        lines += [f"warning: {task}: {loss[0].lower()}{loss[1:]}" for loss in losses]
        if losses and not reason:
            lines.append(
                f"  {task} will refuse this where data would be lost; if it is meant: --allow-data-loss, here with a "
                "reason or there"
            )
    return page([*lines, f"next: read both files, then: {hints.command('migrate.up --dry-run')}"])


def data(draft: Draft) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "files": list(draft.files),
        "differences": list(draft.differences),
        "rebuilds": list(draft.rebuilds),
        "losses": {"up": list(draft.losses[0]), "down": list(draft.losses[1])},
        "notes": list(draft.notes),
        "rows": dict(draft.rows),
    }
