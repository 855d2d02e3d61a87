"""The tasks, as one Invoke namespace: ``from memsql.tasks import ns``."""

from __future__ import annotations

from invoke import Collection

from memsql.tasks import backup, chain, fts, legacy, migrate, monitor, schema, server
from memsql.tasks.develop import benchmark, test
from memsql.tasks.lint import lint
from memsql.tasks.verify import verify

ns = Collection(verify, lint, test, benchmark)
for collection in (migrate.ns, legacy.ns, backup.ns, fts.ns, schema.ns, server.ns, monitor.ns):
    ns.add_collection(collection)

chain.follow_invoke()
