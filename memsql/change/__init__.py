"""From one schema to another: what to do, as data, and as the text of a migration. Pure functions only."""

from memsql.change.asked import Asked, Wanted, read_wanted, where
from memsql.change.model import CannotChange, Hints, Plan, Renames
from memsql.change.plan import plan
from memsql.change.render import render
from memsql.change.tables import TableChange, compare

__all__ = [
    "Asked", "CannotChange", "Hints", "Plan", "Renames", "TableChange", "Wanted", "compare", "plan", "read_wanted",
    "render", "where",
]
