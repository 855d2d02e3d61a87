"""sqlfluff's own rules, run in this process. Imported only where they are wanted: sqlfluff takes half a second to
load."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsql.config import Settings
from memsql.lint.model import NOT_CHECKED, Finding

if TYPE_CHECKING:
    from sqlfluff.core import FluffConfig

    from memsql.lint.linter import Linter

_HOUSE = Path(__file__).with_name("sqlfluff.cfg")
_UNREADABLE = ("PRS", "LXR", "TMP")


def installed() -> bool:
    """Whether sqlfluff can be imported."""
    return find_spec("sqlfluff") is not None


@dataclass(frozen=True, slots=True)
class Styled:
    """What sqlfluff says of a file. ``unread`` are the places it could not parse (rule PRS) or left out (LIM);
    ``fixed`` is the repaired text, None where nothing was to be repaired or nothing may be."""

    findings: tuple[Finding, ...]
    unread: tuple[Finding, ...] = ()
    fixed: str | None = None


class Style:
    """sqlfluff with the configuration of the project, or the house style where setup.cfg has none. Safety rules are
    left out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._linters: dict[Path, tuple[Linter, FluffConfig]] = {}
        # Its log is for its own command line.
        logger = logging.getLogger("sqlfluff")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False

    def lint(self, path: Path, text: str, *, fix: bool = False) -> Styled:
        """Look at ``text``, the content of ``path`` with LF and without BOM. Nothing is raised for whatever it
        holds."""
        shown = self._settings.show(path)
        linter, config = self._linter(path)
        limit = config.get("large_file_skip_byte_limit") or 0
        if 0 < limit < len(text.encode("utf-8", "surrogatepass")):
            return Styled(
                (),
                (
                    _note(
                        shown,
                        1,
                        1,
                        code="LIM",
                        message=f"sqlfluff skips files of more than {limit:,} bytes; the safety rules looked at it",
                    ),
                ),
            )
        if not text.strip():
            return Styled(())
        linter.keeps_rules = "sqlfluff:" not in text
        try:
            linted = linter.lint_string(text, fname=str(path), config=config, fix=fix)
            violations = linted.get_violations()
            broken = any(v.rule_code() in _UNREADABLE for v in violations)
            repaired = linted.fix_string() if fix and not broken else (text, False)
        except OSError:
            # A disk that cannot be read is no mistake of sqlfluff, and a file that it has not looked at is not fine.
            raise
        except Exception as e:
            # Another program's mistake must not hide what our rules found.
            return Styled(
                (), (_note(shown, 1, 1, code="PRS", message=f"sqlfluff failed on this file: {type(e).__name__}"),)
            )
        findings, unread = [], []
        for violation in violations:
            line, column, code = violation.line_no or 1, violation.line_pos or 1, violation.rule_code()
            if code in _UNREADABLE:
                unread.append(
                    _note(
                        shown,
                        line,
                        column,
                        code=code,
                        message="sqlfluff cannot parse this; the house style is not checked here",
                    )
                )
            else:
                findings.append(
                    Finding(
                        code, str(violation.rule_name()), "warning", shown, line, column, line, _flat(violation.desc())
                    )
                )
        return Styled(tuple(findings), tuple(unread), repaired[0] if repaired[1] and repaired[0] != text else None)

    def _linter(self, path: Path) -> tuple[Linter, FluffConfig]:
        if path.parent not in self._linters:
            from sqlfluff.core import FluffConfig

            from memsql.lint.linter import Linter

            own = FluffConfig.from_path(str(path), require_dialect=False)
            house = own.get("dialect") is None
            left_out = ",".join([*(own.get("rule_denylist") or ()), "memsql"])
            if house:
                text = _HOUSE.read_text(encoding="utf-8")
                config = FluffConfig.from_string(text)
                left_out = ",".join([*(config.get("rule_denylist") or ()), "memsql"])
                config = FluffConfig.from_string(text, overrides={"exclude_rules": left_out})
            else:
                # A templater may run programs that the configuration names, and migrations run as they are.
                overrides: dict[str, Any] = {"exclude_rules": left_out, "templater": "raw"}
                config = FluffConfig.from_path(str(path), overrides=overrides)
            self._linters[path.parent] = Linter(config=config), config
        return self._linters[path.parent]


def _note(path: str, line: int, column: int, *, code: str, message: str) -> Finding:
    return Finding(code, NOT_CHECKED, "info", path, line, column, line, message)


def _flat(text: str) -> str:
    return " ".join(text.split())
