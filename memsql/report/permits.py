"""What migrate.permits says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql import hints
from memsql.author.permits import FilePermits
from memsql.sqltext import permit_line
from memsql.sqltext.names import quote_if_needed
from memsql.visible import page
from memsql.words import count


def text(listed: Sequence[FilePermits], rewritten: Sequence[str]) -> str:
    """The permits of each file, and what to write in place of those that name no table. ``rewritten``: the files in
    which that was done."""
    lines: list[str] = []
    for permits in listed:
        lines.append(permits.path)
        lines += [f"  {permit_line(p.table, p.column, p.reason)}" for p in permits.permits]
        lines += [f"  -- allow: broken {quote_if_needed(p.name)} {p.reason}" for p in permits.broken]
        lines += _wide(permits)
    if not listed:
        return "no file has a permit"
    wide = sum(len(permits.wide) for permits in listed)
    number = sum(len(p.permits) + len(p.broken) + len(p.wide) for p in listed)
    lines.append(f"{count(number, 'permit')} in {count(len(listed), 'file')}, {wide} without the name of a table")
    return page([*lines, *_next(listed, rewritten)])


def _wide(permits: FilePermits) -> list[str]:
    lines = [f"  line {wide.line} names no table: -- allow: data-loss {wide.reason}" for wide in permits.wide]
    if not permits.wide:
        return []
    if permits.problem:
        return [*lines, f"    no proposal: {permits.problem}"]
    if not permits.proposal:
        return [*lines, "    nothing is lost on made-up rows: the line can go"]
    return [*lines, "    write instead:", *(f"    {line}" for line in permits.proposal)]


def _next(listed: Sequence[FilePermits], rewritten: Sequence[str]) -> list[str]:
    if rewritten:
        return [
            *(f"wrote {path}" for path in rewritten),
            "wrote memsql.sum; a database where these files are applied calls them edited: accept them there with "
            f"{hints.command('migrate.repair --version N --from REV')}, a commit that has the old text",
        ]
    if any(permits.wide and not permits.problem for permits in listed):
        return [
            "next: read the proposals, which come from made-up rows, then: "
            f"{hints.command('migrate.permits --rewrite')}"
        ]
    return []


def data(listed: Sequence[FilePermits], rewritten: Sequence[str]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "files": [
            {
                "path": permits.path,
                "permits": [{"table": p.table, "column": p.column, "reason": p.reason} for p in permits.permits],
                "broken": [{"name": p.name, "reason": p.reason} for p in permits.broken],
                "wide": [{"line": wide.line, "reason": wide.reason} for wide in permits.wide],
                "proposal": list(permits.proposal),
                "problem": permits.problem,
            }
            for permits in listed
        ],
        "rewritten": list(rewritten),
    }
