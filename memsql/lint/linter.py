"""sqlfluff's linter with its rules made once. Import it only where sqlfluff is wanted: it takes half a second to
load."""

from __future__ import annotations

from sqlfluff.core import FluffConfig
from sqlfluff.core import Linter as SqlfluffLinter
from sqlfluff.core.rules import RulePack


class Linter(SqlfluffLinter):
    """Gives every file the same rules; sqlfluff makes them anew for each, which takes a quarter of its time.

    Rules keep what they read from their configuration. So for a file with a configuration of its own (a comment
    ``-- sqlfluff:…``) ``keeps_rules`` is to be False.
    """

    keeps_rules = True
    _rules: RulePack | None = None

    def get_rulepack(self, config: FluffConfig | None = None) -> RulePack:
        """The rules for ``config``, which is always the same."""
        if not self.keeps_rules:
            return super().get_rulepack(config)
        if self._rules is None:
            self._rules = super().get_rulepack(config)
        return self._rules
