"""What migrate.create --from says."""

from __future__ import annotations

from memsql.author.derive import Draft
from memsql.report.text import count


def text(found: Draft, source: str, reason: str | None) -> str:
    """What differs, what was written, what a reader should know before applying it."""
    if not found.files:
        return f"nothing differs: {source} is what the migrations make; nothing was written"
    lines = [*("  " + line for line in found.differences), *(f"wrote {path}" for path in found.files)]
    rows = sum(n for _, n in found.rows)
    lines.append(f"proven: up, down and up again, on an empty database and on {count(rows, 'made-up row')}")
    lines += ["rebuilt: " + ", ".join(found.rebuilds)] if found.rebuilds else []
    lines += [f"note: {note}" for note in found.notes]
    for way, losses in zip(("migrate.up", "migrate.down"), found.losses, strict=True):
        lines += [f"warning: {way}: {loss[0].lower()}{loss[1:]}" for loss in losses]
        if losses and not reason:
            lines.append(
                f"  {way} will refuse this where there is data; if it is meant: --allow-data-loss, here with a reason "
                "or there"
            )
    return "\n".join([*lines, "next: read both files, then: invoke migrate.up --dry-run"])


def data(found: Draft) -> dict[str, object]:
    """The same as fields."""
    return {
        "files": list(found.files),
        "differences": list(found.differences),
        "rebuilds": list(found.rebuilds),
        "losses": {"up": list(found.losses[0]), "down": list(found.losses[1])},
        "notes": list(found.notes),
        "rows": dict(found.rows),
    }
