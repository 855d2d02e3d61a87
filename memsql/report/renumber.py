"""What migrate.renumber says."""

from __future__ import annotations

from memsql import hints
from memsql.author.renumber import Renumbering
from memsql.visible import page


def text(renumbering: Renumbering | None, target: str, *, dry_run: bool) -> str:
    """Which migrations have which number now, which files followed, and what everybody has to do next."""
    if renumbering is None:
        return page(["nothing to renumber: every new migration comes after those of the base"])
    would = "would become" if dry_run else "is now"
    lines = [f"{move.former} {would} {move.id}: {move.why}" for move in renumbering.moves]
    verb = "would rename" if dry_run else "renamed"
    lines += [f"{verb} {a} to {b}" for a, b in renumbering.files.items()]
    taken = set(renumbering.files.values())
    lines += [f"{'would change' if dry_run else 'changed'} {path}" for path in renumbering.changed if path not in taken]
    if renumbering.unseen:
        lines.append(f"{target} could not be asked whether it has them: {renumbering.unseen}")
    if renumbering.applied:
        lines.append(f"{target} has {', '.join(renumbering.applied)}: its ledger follows with the next migrate.up")
    if renumbering.late:
        command = hints.command("migrate.up --out-of-order")
        lines.append(f"there {', '.join(renumbering.late)} comes late: {command}")
    if dry_run:
        return page(lines)
    lines += [
        "a database that has it under the former name knows the content: its ledger follows with its next migrate.up",
        f"next: {hints.command('schema.dump --write')}, {hints.command('review')}, then commit; colleagues with this "
        "branch take it over (git pull) and run migrate.up",
    ]
    return page(lines)


def data(renumbering: Renumbering | None, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    moved = renumbering.moves if renumbering else ()
    return {
        "dry_run": dry_run,
        "renumbered": [{"from": move.former, "to": move.id, "why": move.why} for move in moved],
        "files": [{"from": a, "to": b} for a, b in renumbering.files.items()] if renumbering else [],
        "changed": list(renumbering.changed) if renumbering else [],
        "applied": list(renumbering.applied) if renumbering else [],
        "late": list(renumbering.late) if renumbering else [],
    }
