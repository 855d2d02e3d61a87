"""A schema as SQL text."""

from __future__ import annotations

from memsql.schema.model import Object, Schema
from memsql.sqltext.names import fold
from memsql.sqltext.tokens import without_tail

_ORDER = {"table": 0, "index": 2, "trigger": 3, "view": 4}
HEADER = (
    "-- The schema after all migrations, as `schema.dump --write` has it."
    " Edit it only for `migrate.create NAME --from`.\n"
)


def dump(schema: Schema) -> str:
    """SQL that makes ``schema`` on an empty database, the text of each object as its author wrote it.

    Tables come first, then virtual tables, indexes, triggers, views, and triggers on views, each kind by name. So
    ``from_sql(dump(schema))`` is equal to ``schema``.
    """
    virtual = {t.name for t in schema.tables.values() if t.kind == "virtual"}
    views = {fold(t.name) for t in schema.tables.values() if t.kind == "view"}
    objects = sorted((o for o in schema.objects if o.sql), key=lambda o: (_rank(o, virtual, views), o.name))
    # A comment behind the last word would swallow the semicolon.
    return HEADER + "".join(f"\n{without_tail(o.sql)};\n" for o in objects)


def _rank(obj: Object, virtual: set[str], views: set[str]) -> int:
    if obj.type == "trigger" and fold(obj.table) in views:
        return 5
    return 1 if obj.name in virtual else _ORDER[obj.type]
