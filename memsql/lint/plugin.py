"""The sqlfluff plugin: ``sqlfluff lint`` shows the safety rules beside its own, each on the statement concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlfluff.core.plugin import hookimpl

if TYPE_CHECKING:
    from sqlfluff.core.rules import BaseRule


@hookimpl
def get_rules() -> list[type[BaseRule]]:
    """The rules. Imported only now: sqlfluff wants every plugin loaded before a rule is made."""
    from memsql.lint.shims import SHIMS

    return list(SHIMS)
