"""What migrate.squash says."""

from __future__ import annotations

from memsql import hints
from memsql.author.squash import Squash
from memsql.author.squash_rows import in_words
from memsql.visible import page
from memsql.words import count


def text(squash: Squash, *, dry_run: bool) -> str:
    """What was folded into what, what was proven, where the old files are, and what comes next."""
    folded, last = squash.folded, squash.migration
    verb, wrote, moved = ("would fold", "would write", "would move") if dry_run else ("folded", "wrote", "moved")
    number = count(len(folded), "migration")
    lines = [f"{verb} {number} into {last.id}: {folded[0].id} to {folded[-1].id}"]
    makes = squash.objects + (f"; {in_words(dict(squash.rows))} as INSERTs" if squash.rows else "")
    lines.append(f"{wrote} {last.up.path}: {makes}")
    lines.append("proven: it makes the same schema and the same rows, alone and with all migrations behind it")
    lines.append(f"{moved} the files of before to {squash.folder}/, for databases that lack some of them")
    lines += [f"{'would rename' if dry_run else 'renamed'} check {a} to {b}" for a, b in squash.checks.items()]
    if dry_run:
        return page(lines)
    lines.append(
        f"a database that has all {len(folded)} goes on: its ledger follows with the next {hints.command('migrate.up')}"
    )
    return page([*lines, f"next: read the files, then: {hints.command('migrate.up')}"])


def data(squash: Squash, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "dry_run": dry_run,
        "version": squash.migration.version,
        "id": squash.migration.id,
        "folded": [m.id for m in squash.folded],
        "rows": dict(squash.rows),
        "checks": [{"from": a, "to": b} for a, b in squash.checks.items()],
        "moved_to": squash.folder,
    }
