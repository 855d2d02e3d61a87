"""The rule about SQL that a target does not accept."""

from __future__ import annotations

from collections.abc import Iterator

from memsql.lint.model import DATABASE, Hit, rule
from memsql.lint.script import Script
from memsql.targets import uses


@rule("MS43", "newer_than_target", "error", (*DATABASE, "check", "query", "smoke", "snapshot"))
def newer_than_target(script: Script) -> Iterator[Hit]:
    """Syntax or a function that an engine of the setting `target` does not have.

    **Anti-pattern** It runs on the SQLite of the laptop and fails where the application runs: the SQLite of a phone or
    of a Linux distribution is years older, and a libSQL server or Cloudflare D1 leaves things out. This rule speaks
    only where setup.cfg says `target = sqlite 3.31, libsql` (see `memsql check --for`).

        ALTER TABLE users DROP COLUMN phone;

    **Best practice** Write it in words that all targets have, such as a rebuild; or take the target out of setup.cfg
    when nothing runs on it any more.

        -- foreign_keys: off
        CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        INSERT INTO new_users (id, name) SELECT id, name FROM users;
        DROP TABLE users;
        ALTER TABLE new_users RENAME TO users;
    """
    if not script.targets:
        return
    for step in script.steps:
        for use in uses(step.text):
            reasons = [reason for _, reason in use.refused_by(script.targets)]
            if reasons:
                message = f"{use.feature.name}: {'; '.join(reasons)}"
                yield Hit(step.at + use.at, message, "write it in words that all targets have")


RULES = (newer_than_target,)
