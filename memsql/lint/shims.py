"""A sqlfluff rule for each of ours: it looks up what our rule found in the file, and points at it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from types import new_class

from sqlfluff.core.parser import RawSegment
from sqlfluff.core.rules import BaseRule, EvalResultType, LintResult, RuleContext
from sqlfluff.core.rules.crawlers import RootOnlyCrawler

from memsql import config
from memsql.errors import MemsqlError
from memsql.lint.model import Finding, Rule
from memsql.lint.project import Folder, lint_text
from memsql.lint.rules import RULES


class _Desk:
    """The findings of the file that was looked at last. sqlfluff asks one rule after the other about one file."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._findings: list[Finding] = []
        self._folders: dict[Path, tuple[object, Folder]] = {}

    def findings(self, path: Path | None, text: str) -> list[Finding]:
        key = (str(path), text)
        if key != self._key:
            self._key, self._findings = key, self._look(path, text)
        return self._findings

    def _look(self, path: Path | None, text: str) -> list[Finding]:
        file = (path or Path("stdin")).absolute()
        try:
            settings = config.load(project=str(config.find_root(file.parent)), environ={})
        except MemsqlError:
            return lint_text(text, str(path))
        stamp = tuple(
            _stamp(f)
            for f in sorted(
                p
                for folder in (settings.migrations, settings.sql / "queries", settings.sql / "checks")
                for p in folder.glob("*.sql")
            )
        )
        known = self._folders.get(settings.root)
        if known is None or known[0] != stamp:
            known = self._folders[settings.root] = (stamp, Folder(settings))
        return known[1].lint(file, text)


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), status.st_mtime_ns, status.st_size


_desk = _Desk()


class Rule_MS00(BaseRule):
    """Shows what one of our rules finds.

    **Anti-pattern**

    See docs/review.md.

    **Best practice**

    See docs/review.md.
    """

    groups = ("all", "memsql")
    crawl_behaviour = RootOnlyCrawler(works_on_unparsable=True)

    def _eval(self, context: RuleContext) -> EvalResultType:
        source = context.templated_file.source_str if context.templated_file else context.segment.raw
        # To sqlfluff every finding is a violation, and a remark is none.
        findings = [f for f in _desk.findings(context.path, source) if f.rule == self.code and f.severity != "info"]
        if not findings:
            return None
        raws = [
            raw for raw in context.segment.raw_segments if raw.pos_marker is not None and not raw.is_meta and raw.raw
        ]
        lines = [0]
        for line in source.split("\n"):
            lines.append(lines[-1] + len(line) + 1)
        return [
            LintResult(anchor=_anchor(raws, lines[f.line - 1] + f.column - 1), description=_described(f))
            for f in findings
            if raws
        ]


def _anchor(raws: Sequence[RawSegment], at: int) -> RawSegment:
    """The token that holds this offset of the file."""
    starts = [raw.pos_marker.source_slice.start for raw in raws if raw.pos_marker is not None]
    return raws[max(bisect_right(starts, at) - 1, 0)]


def _described(finding: Finding) -> str:
    return finding.message if not finding.fix or "\n" in finding.fix else f"{finding.message}; {finding.fix}"


def _shim(rule: Rule) -> type[BaseRule]:
    doc = (
        f"{rule.title}\n\n    **Anti-pattern**\n\n    {rule.anti_pattern}\n\n"
        f"    **Best practice**\n\n    {rule.best_practice}\n"
    )
    # The name makes the code; as an attribute of this module it can be sent to another process.
    name = f"Rule_{rule.code}"
    fields = {"__doc__": doc, "__module__": __name__, "name": f"memsql.{rule.name}"}
    rule_class = new_class(name, (Rule_MS00,), exec_body=lambda body: body.update(fields))
    globals()[name] = rule_class
    return rule_class


SHIMS: tuple[type[BaseRule], ...] = tuple(map(_shim, RULES))
