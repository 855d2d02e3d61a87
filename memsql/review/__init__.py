"""Review of a change before it is merged: what it does to data, proven by running it; nothing is asked but git and SQLite."""

from memsql.review.model import Migrated, PlanChange, Review, Row
from memsql.review.review import review
from memsql.review.rules import ABOUT, About

__all__ = ["ABOUT", "About", "Migrated", "PlanChange", "Review", "Row", "review"]
