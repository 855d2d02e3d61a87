"""What a rule is, and what it finds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memsql.lint.script import Script

SEVERITIES = ("error", "warning", "info")
DATABASE = ("migration", "rollback", "legacy", "other")
"""Kinds of files that change a database."""
OURS = ("migration", "rollback")
"""Kinds of files that memsql runs in a transaction and proves."""

NO_CHECK = "MS34"
"""The rule about migrations without a check; no review is about that."""

NOT_CHECKED = "not_checked"
"""The name of the finding that sqlfluff did not look at a file."""

TRIGGER_MISSING = "MS14"
"""The rule about triggers of full-text indexes; a file that allows it may leave out any trigger, in the proof too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reviewer should know. An error blocks, a warning needs attention, an info only tells.

    ``line`` and ``column`` count from 1, in characters; ``end_line`` is where the statement ends. ``fix`` says
    what to do, ``statement`` is the SQL concerned, shortened; both may be empty.
    """

    rule: str
    name: str
    severity: str
    path: str
    line: int
    column: int
    end_line: int
    message: str
    fix: str = ""
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule returns: an offset in the text and a sentence. ``severity`` where it is not the rule's.

    ``loses``: the tables whose rows go, as (table, None), or the columns whose values go; permits for all of them are
    an answer. ``also``: another rule that a file may allow in place of this one. ``breaks``: a view that need not
    compile where the file says so.
    """

    at: int
    message: str
    fix: str = ""
    end: int | None = None
    severity: str | None = None
    loses: tuple[tuple[str, str | None], ...] = ()
    also: str = ""
    breaks: str = ""


Check = Callable[["Script"], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its documentation. ``kinds`` names the kinds of files it looks at."""

    code: str
    name: str
    severity: str
    kinds: tuple[str, ...]
    title: str
    anti_pattern: str
    best_practice: str
    check: Check


def rule(code: str, name: str, severity: str, kinds: tuple[str, ...] = OURS) -> Callable[[Check], Rule]:
    """Make a function the rule ``code``. Its docstring has a title line, ``**Anti-pattern**`` and ``**Best
    practice**``.

    Raises ValueError for a docstring without them: a rule that explains nothing helps nobody.
    """

    def make(check: Check) -> Rule:
        match = re.fullmatch(
            r"(.+?)\n\s*\*\*Anti-pattern\*\*\s+(.+?)\n\s*\*\*Best practice\*\*\s+(.+)",
            inspect.getdoc(check) or "",
            re.DOTALL,
        )
        if match is None or severity not in SEVERITIES:
            raise ValueError(f"rule {code} has no documentation, or an unknown severity")
        title, bad, good = (part.strip() for part in match.groups())
        return Rule(code, name, severity, kinds, title, bad, good, check)

    return make
