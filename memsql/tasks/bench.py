"""memsql bench.*"""

from __future__ import annotations

from invoke import Collection

from memsql.tasks.bench_embeddings import embeddings
from memsql.tasks.bench_queries import queries
from memsql.tasks.bench_writes import writes

ns = Collection("bench", embeddings, queries, writes)
