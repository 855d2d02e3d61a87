"""What every way to adopt a database shares: what it answers, and how the name of the ledger becomes free."""

from __future__ import annotations

from dataclasses import dataclass

from memsql import hints
from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine.state import State
from memsql.errors import Refused
from memsql.exchange.ledger_tables import OUR_NAME, recognised
from memsql.sqltext import fold, quote
from memsql.sqltext.internal import FORMER_LEDGER


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an adoption did: ``lines`` say it in sentences, ``summary`` in half of one."""

    lines: tuple[str, ...]
    summary: str


def refuse_taken_name(state: State, *, take_over: bool, task: str = "migrate.up") -> None:
    """Raise Refused where another tool has a table of the name of our ledger, and it may not be renamed. ``task``: the
    words to which the option that allows it is added."""
    if not state.ledger.taken or take_over:
        return
    owner = _owner(state)
    raise Refused(
        f"the name schema_migrations is taken: this database has a table of {owner or 'another tool'} with that name",
        details=(f"its columns: {', '.join(state.ledger.others[OUR_NAME])}", "memsql keeps its own list there"),
        state="nothing was changed",
        hint=f"let it be renamed to {_name(owner)}, and tell whatever still uses it: "
        f"{hints.command(f'{task} --take-over')}",
    )


def free_name(conn: Connection, state: State) -> str | None:
    """Rename the table of another tool that has the name of our ledger, in the open transaction, and return a line
    about it; None where there is no such table. Raises StatementError, and Refused where what has the name cannot be
    renamed."""
    for row in conn.execute(load("exchange/taken")).rows:
        kind = str(row[0])
        raise Refused(
            f"the name schema_migrations is taken: {'an' if kind == 'index' else 'a'} {kind} of this database has it",
            details=("memsql keeps its own list there",),
            state="nothing was changed",
            hint=f"give the {kind} another name, or drop it, and run this again",
        )
    if not state.ledger.taken:
        return None
    existing = {fold(str(name)) for (name,) in conn.execute(load("exchange/names")).rows}
    name, number = _name(_owner(state)), 1
    while fold(name) in existing:
        number += 1
        name = f"{_name(_owner(state))}_{number}"
    conn.execute(f"ALTER TABLE {quote(OUR_NAME)} RENAME TO {quote(name)}")
    return f"renamed the table schema_migrations, which {_owner(state) or 'another tool'} made, to {name}"


def left(state: State) -> tuple[str, ...]:
    """The tables of other tools that an adoption leaves as they are."""
    return tuple(name for name in state.ledger.others if name != OUR_NAME)


def _owner(state: State) -> str | None:
    """The tool that made the table with the name of our ledger; None for an unknown one."""
    return next((t.title for t in recognised(state.ledger.others) if t.name == OUR_NAME), None)


def _name(owner: str | None) -> str:
    return f"{FORMER_LEDGER}{(owner or 'another_tool').lower().replace('-', '_')}"
