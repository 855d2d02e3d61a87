"""From one schema to another: what to do, as data, and as the text of a migration. Pure functions only."""

from memsql.author.change.plan import plan
from memsql.author.change.render import render
from memsql.author.change.steps import CannotChange, Hints, Plan, Renames
from memsql.author.change.tables import TableChange, compare
from memsql.author.change.wanted import Asked, Wanted, read_wanted, where

__all__ = [
    "Asked",
    "CannotChange",
    "Hints",
    "Plan",
    "Renames",
    "TableChange",
    "Wanted",
    "compare",
    "plan",
    "read_wanted",
    "render",
    "where",
]
