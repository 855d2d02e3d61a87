"""The texts of a new migration, and what a stopped migrate.create left of them."""

from __future__ import annotations

import re

PLACEHOLDER = "-- Write the change here"
"""How the line begins that stands for the statements in a new migration."""
_UP = f"""-- {{title}}
{{directives}}
{PLACEHOLDER}, as plain SQL. No BEGIN or COMMIT: memsql wraps and proves it.
"""
_DOWN = """-- Undo {id}
{directives}
-- Write the way back here. A rollback without a statement is refused by migrate.down.
"""
_CHECK = """-- name: {id}
-- severity: error
-- why: write what is wrong when this returns a row
SELECT 'write the check of {id}: one row per problem, none when all is well' AS message
WHERE 0
"""
_FOREIGN_KEYS = "-- foreign_keys: off"


def new_migration(title: str, depends: str | None, *, foreign_keys_off: bool) -> str:
    """The text of a new migration; ``depends`` is the id of the one before it, None for the first one."""
    lines = [f"-- depends: {depends}"] if depends else []
    return _text(_UP, [*lines, *([_FOREIGN_KEYS] if foreign_keys_off else [])], title=title)


def new_rollback(migration_id: str, *, foreign_keys_off: bool) -> str:
    """The text of the rollback of a new migration."""
    return _text(_DOWN, [_FOREIGN_KEYS] if foreign_keys_off else [], id=migration_id)


def new_check(migration_id: str) -> str:
    """The text of the check of a new migration."""
    return _text(_CHECK, [], id=migration_id)


def is_new_rollback(migration_id: str, data: bytes) -> bool:
    """Whether ``data``, with LF line endings, is exactly the text of new_rollback()."""
    return data in [new_rollback(migration_id, foreign_keys_off=off).encode() for off in (False, True)]


def is_new_check(migration_id: str, data: bytes) -> bool:
    """Whether ``data``, with LF line endings, is exactly the text of new_check()."""
    return data == new_check(migration_id).encode()


def _text(template: str, directives: list[str], **values: str) -> str:
    return re.sub(r"\n\n+", "\n", template.format(directives="\n".join(directives), **values))
