"""memsql analyze.*"""

from __future__ import annotations

from invoke import Collection

from memsql.tasks.analyze_indexes import indexes
from memsql.tasks.analyze_queries import queries

ns = Collection("analyze", queries, indexes)
