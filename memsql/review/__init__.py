"""Reviews a change before it is merged: runs its migrations on databases in memory and reports what they do to data."""

from memsql.review.findings import ABOUT, About
from memsql.review.model import Migrated, PlanChange, Review, StatementResult
from memsql.review.review import review

__all__ = ["ABOUT", "About", "Migrated", "PlanChange", "Review", "StatementResult", "review"]
