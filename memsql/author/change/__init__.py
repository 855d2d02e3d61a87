"""From one schema to another: the steps as data, and as the text of a migration. Pure functions only."""

from memsql.author.change.plan import TableMatches, match_tables, plan_change
from memsql.author.change.render import render, step_sql
from memsql.author.change.steps import Abilities, CannotChange, ChangePlan, Hints, Renames
from memsql.author.change.tables import TableChange
from memsql.author.change.wanted import WantedSchema, line_of, read_wanted

__all__ = [
    "Abilities",
    "CannotChange",
    "ChangePlan",
    "Hints",
    "Renames",
    "TableChange",
    "TableMatches",
    "WantedSchema",
    "line_of",
    "match_tables",
    "plan_change",
    "read_wanted",
    "render",
    "step_sql",
]
