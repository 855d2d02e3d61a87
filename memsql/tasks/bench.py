"""invoke bench.*"""

from __future__ import annotations

from invoke import Collection

from memsql.tasks.bench_queries import queries

ns = Collection("bench", queries)
