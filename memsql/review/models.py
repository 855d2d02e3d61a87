"""Compares the models in source code, which the setting ``models`` names, with the schema that the branch makes; finds
MR19."""

from __future__ import annotations

from memsql import deadline
from memsql.actions.models import compare_models, sentence
from memsql.config import Settings
from memsql.errors import FileError, UsageError
from memsql.lint import Finding
from memsql.review.findings import finding_of
from memsql.schema import Schema


def model_findings(settings: Settings, old: Schema, new: Schema) -> list[Finding]:
    """Findings for what does not fit between the models and the schema ``new``. What people should only know of is a
    remark, and is left out where it holds for the schema ``old`` of the base too. None without the setting."""
    if not settings.models:
        return []
    try:
        with deadline.part("models"):
            before, _ = compare_models(settings, old, settings.models)
            after, _ = compare_models(settings, new, settings.models)
    except deadline.Stopped as e:
        return [finding_of("MR15", settings.models[0], f"to read the models was stopped: {e.reason}")]
    except (FileError, UsageError) as e:
        path = e.where.path if e.where else settings.models[0]
        line = (e.where.line if e.where else None) or 1
        return [finding_of("MR19", path, e.message.removeprefix("--models "), line=line, fix=e.hint or "")]
    known = {(finding.level, finding.message) for finding in before.findings if finding.level != "error"}
    return [
        finding_of(
            "MR19",
            finding.path or settings.models[0],
            sentence(finding),
            line=finding.line or 1,
            severity=None if finding.level == "error" else "info",
            fix="change the model together with the schema",
        )
        for finding in after.findings
        if finding.level != "note" and (finding.level, finding.message) not in known
    ]
