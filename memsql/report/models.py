"""What schema.check says: how the models in source code fit the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from memsql.report import text as words
from memsql.schema.code import Comparison, Finding, Source
from memsql.visible import page
from memsql.words import count


def text(result: Comparison, sources: Sequence[Source], of: str) -> str:
    """The findings by their place, and a line that counts them. ``of`` names the schema."""
    lines = [line for finding in result.findings for line in _lines(finding)]
    return page([*lines, *([""] if lines else []), headline(result, sources, of)])


def headline(result: Comparison, sources: Sequence[Source], of: str) -> str:
    """How many models fit, in one line."""
    read = count(sum(not source.beside for source in sources), "file")
    looked = f"{count(len(result.models), 'model')} and {count(result.fields, 'field')} of {read} against {of}"
    counts = [count(result.count(level), level) for level in ("error", "warning", "note") if result.count(level)]
    return f"{looked}: {', '.join(counts) or 'everything fits'}"


def data(result: Comparison, sources: Sequence[Source], of: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "of": of,
        "files": [source.path for source in sources if not source.beside],
        "read_beside": [source.path for source in sources if source.beside],
        "models": [{"model": model, "table": table} for model, table in result.models],
        "fields": result.fields,
        "errors": result.count("error"),
        "warnings": result.count("warning"),
        "notes": result.count("note"),
        "findings": [asdict(finding) for finding in result.findings],
    }


def _lines(finding: Finding) -> Iterator[str]:
    place = f"{finding.path}:{finding.line}: " if finding.path else ""
    yield f"{place}{finding.level}: {finding.rule}: {finding.message}"
    if finding.effect:
        yield from words.indented([finding.effect])
