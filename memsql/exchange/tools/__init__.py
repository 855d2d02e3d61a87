"""The declarations of the tools, each a module of its own that holds nothing but ``TOOL``."""

from __future__ import annotations

from importlib import import_module

from memsql.errors import UsageError
from memsql.exchange.model import Tool

_MODULES = {
    "alembic": "alembic",
    "d1": "d1",
    "dbmate": "dbmate",
    "diesel": "diesel",
    "drizzle": "drizzle",
    "flyway": "flyway",
    "golang-migrate": "golang_migrate",
    "goose": "goose",
    "prisma": "prisma",
    "sql-migrate": "sql_migrate",
    "sqlx": "sqlx",
    "yoyo": "yoyo",
}
_OTHER_WORDS = {
    "cloudflare": "d1",
    "drizzle-kit": "drizzle",
    "golang_migrate": "golang-migrate",
    "migrate": "golang-migrate",
    "pressly/goose": "goose",
    "sql_migrate": "sql-migrate",
    "wrangler": "d1",
    "yoyo-migrations": "yoyo",
}
WORDS = tuple(_MODULES)
"""The words for the tools, in alphabetical order."""


def tool_of(word: str) -> Tool:
    """The tool that ``word`` names, in any case. Raises UsageError for an unknown one."""
    folded = word.lower()
    folded = _OTHER_WORDS.get(folded, folded)
    if folded not in _MODULES:
        from difflib import get_close_matches

        near = get_close_matches(folded, [*_MODULES, *_OTHER_WORDS], n=1)
        meant = f"did you mean {_OTHER_WORDS.get(near[0], near[0])}? " if near else ""
        raise UsageError(
            f"memsql knows no migration tool {word}",
            state="nothing was changed",
            hint=f"{meant}It takes over the files of {', '.join(WORDS)}",
        )
    return _load(folded)


def all_tools() -> tuple[Tool, ...]:
    """All declarations."""
    return tuple(map(_load, WORDS))


def _load(word: str) -> Tool:
    tool = import_module(f"memsql.exchange.tools.{_MODULES[word]}").TOOL
    assert isinstance(tool, Tool)
    return tool
