"""What an import wrote, or would write."""

from __future__ import annotations

from memsql import hints
from memsql.author.import_pairs import ImportedPair
from memsql.author.importing import Imported
from memsql.report.text import shown
from memsql.visible import page
from memsql.words import count


def text(imported: Imported, *, dry_run: bool) -> str:
    """Each pair with where it comes from, what to know about it, what was left out, and what comes next."""
    lines = shown([f"{'would write' if dry_run else 'wrote'} {pair.id}  ({_words(pair)})" for pair in imported.pairs])
    lines += shown([f"note: {pair.id}: {note}" for pair in imported.pairs for note in pair.notes])
    lines += shown([f"left out: {left.path} {left.what}" for left in imported.left_out])
    if imported.present:
        lines.append(f"{count(len(imported.present), 'migration')} taken over before: left as they are")
    if not imported.pairs:
        lines.append(f"nothing to do: {imported.source} holds no other migration of {imported.tool.title}")
        return page(lines)
    lines.append(
        f"{count(len(imported.pairs), 'migration')} of {imported.tool.title}: proven on an empty database; "
        f"{imported.source} is as it was"
    )
    again = hints.command(f"import {imported.tool.word} {imported.source}")
    lines.append(f"nothing was written; to write them: {again}" if dry_run else f"next: {hints.command('migrate.up')}")
    return page(lines)


def _words(pair: ImportedPair) -> str:
    rollback = "rollback derived and proven" if pair.derived is not None else "no rollback"
    words = [pair.source.path, "with its rollback" if pair.down is not None else rollback]
    words += [f"allows {permit}" for permits in pair.permits for permit in permits]
    return ", ".join(filter(None, words))


def data(imported: Imported, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "tool": imported.tool.word,
        "source": imported.source,
        "dry_run": dry_run,
        "migrations": [
            {
                "id": pair.id,
                "source": pair.source.path,
                "rollback": "derived" if pair.derived is not None else "taken" if pair.down is not None else None,
                "permits": {"up": list(pair.permits[0]), "down": list(pair.permits[1])},
                "notes": list(pair.notes),
            }
            for pair in imported.pairs
        ],
        "present": list(imported.present),
        "left_out": [{"path": left.path, "what": left.what} for left in imported.left_out],
        "files": list(imported.files),
    }
