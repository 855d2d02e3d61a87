"""A plan for a change, tried on an empty database until its steps make the schema that they should."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from memsql import hints
from memsql.author.change import CannotChange, ChangePlan, Hints, Renames, plan_change, step_sql
from memsql.db.sqlite import memory
from memsql.errors import StatementError
from memsql.schema import Schema, diff, dump, read
from memsql.schema.compare import object_definitions
from memsql.sqltext import split
from memsql.sqltext.names import fold

"""What to do where no pair can be derived."""
_ERROR_IN = ("error in view ", "error in trigger ", "error in index ")


@dataclass(frozen=True, slots=True)
class WorkingPlan:
    """A plan that makes the schema it should, what its trial runs showed, and the names that keep other letters."""

    plan: ChangePlan
    hints: Hints
    respelled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What went wrong in a trial run, with which object, and what to do otherwise."""

    hints: Hints
    problem: str
    name: str


def plan_that_works(
    schemas: tuple[Schema, Schema], renames: Renames, hints: Hints, *, back: bool = False
) -> WorkingPlan:
    """The plan whose steps, run on an empty database with the first schema, make the second one.

    Where plain statements do not do what the rules of SQLite promise, the table is rebuilt. Raises CannotChange.
    """
    before, after = schemas
    while True:
        plan = plan_change(before, after, renames, hints, back=back)
        trial = _try(plan, before, after)
        if isinstance(trial, Schema):
            return WorkingPlan(plan, hints, diff(trial, after).respelled)
        # Each round must show something new, and there is only so much to show.
        if (hints | trial.hints) == hints:
            way = "way back" if back else "change"
            raise CannotChange(f"the {way} cannot be derived: {trial.problem}", trial.name, None, by_hand())
        hints |= trial.hints


def _try(plan: ChangePlan, before: Schema, after: Schema) -> _Failure | Schema:
    """Run the steps of ``plan`` on an empty database with the schema ``before``.

    Returns the schema that they make where it means what ``after`` means.
    """
    table = ""
    with closing(memory()) as conn:
        try:
            conn.script(dump(before))
            for step in plan.steps:
                table = str(getattr(step, "table", getattr(step, "new", getattr(step, "name", ""))))
                for statement in split(step_sql(step)):
                    conn.execute(statement.text)
            schema = read(conn)
            return _difference(schema, after) or schema
        except StatementError as e:
            return _Failure(_hint(e.message, table), e.message, table)


def _hint(message: str, table: str) -> Hints:
    for start in _ERROR_IN:
        if message.startswith(start):
            rest = message[len(start) :]
            name = rest.split(" after ")[0] if " after " in rest.split(":")[0] else rest.split(":")[0]
            return Hints(recreate=frozenset({fold(name)}))
    return Hints(rebuild=frozenset({fold(table)}))


def _difference(actual: Schema, expected: Schema) -> _Failure | None:
    lines = diff(actual, expected).meaning_lines()
    if not lines:
        return None
    one, two = object_definitions(actual), object_definitions(expected)
    different = {e for e in one.keys() | two.keys() if one.get(e) != two.get(e)}
    tables = frozenset(e.name for e in different if e.kind == "table")
    others = frozenset(e.name for e in different if e.kind != "table")
    virtual = frozenset(fold(t.name) for t in expected.tables.values() if t.kind == "virtual")
    hints = Hints(tables - virtual, others | (tables & virtual))
    return _Failure(hints, "; ".join(lines), next(iter(sorted(tables | others)), ""))


def by_hand() -> str:
    """What to do where a change cannot be derived."""
    return f"make the change in smaller steps, or write it by hand: {hints.command('migrate.create NAME')}"
