"""The rules, by subject, and all of them in the order of their codes."""

from memsql.lint.rules import (
    columns,
    definitions,
    engines,
    files,
    fts,
    keys,
    loss,
    rebuild,
    slips,
    targets,
    tools,
    transaction,
    values,
)

_MODULES = (columns, definitions, engines, files, fts, keys, loss, rebuild, slips, targets, tools, transaction, values)

RULES = tuple(
    sorted(
        (rule for module in _MODULES for rule in module.RULES),
        key=lambda rule: rule.code,
    )
)
BY_CODE = {rule.code: rule for rule in RULES}

__all__ = ["BY_CODE", "RULES"]
