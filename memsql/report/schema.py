"""What schema.* says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.operate.stats import Stats
from memsql.report.text import count, size, table
from memsql.schema import Schema, SchemaDiff, Table


def stats_text(found: Stats, target: str) -> str:
    """Counts first, then a line a table and index, heaviest table first."""
    by_table: dict[str, int] = {}
    for s in found.sizes:
        by_table[s.table] = by_table.get(s.table, 0) + (s.bytes or 0)
    ordered = sorted(found.sizes, key=lambda s: (-by_table[s.table], s.table, s.type == "index", s.name))
    rows = [
        (
            "  " + s.name if s.type == "index" else s.name,
            s.type,
            "" if s.rows is None else f"{s.rows:,}",
            "" if s.pages is None else f"{s.pages:,}",
            "" if s.bytes is None else size(s.bytes),
        )
        for s in ordered
    ]
    lines = [
        f"database: {target}",
        ", ".join(
            (
                count(found.tables, "table"),
                count(found.indexes, "index", "indexes"),
                count(found.triggers, "trigger"),
                count(found.views, "view"),
                count(found.rows, "row"),
            )
        ),
        f"{size(found.file_bytes)} in {count(found.page_count, 'page')} of {found.page_size:,} bytes, "
        f"{found.free_pages:,} free; journal mode {found.journal_mode}, {found.encoding}, SQLite {found.sqlite_version}",
    ]
    if rows:
        lines += ["", table(("name", "type", "rows", "pages", "size"), rows, frozenset({2, 3, 4}))]
    return "\n".join(lines)


def stats_data(found: Stats) -> dict[str, object]:
    """The same as fields."""
    return {
        "tables": found.tables,
        "indexes": found.indexes,
        "triggers": found.triggers,
        "views": found.views,
        "rows": found.rows,
        "page_size": found.page_size,
        "page_count": found.page_count,
        "free_pages": found.free_pages,
        "bytes": found.file_bytes,
        "journal_mode": found.journal_mode,
        "encoding": found.encoding,
        "sqlite_version": found.sqlite_version,
        "objects": [
            {"name": s.name, "type": s.type, "table": s.table, "rows": s.rows, "pages": s.pages, "bytes": s.bytes}
            for s in found.sizes
        ],
    }


def info_text(schema: Schema, names: Sequence[str]) -> str:
    """A paragraph a table."""
    return "\n\n".join(_table_text(schema, schema.tables[name]) for name in names) or "there are no tables"


def info_data(schema: Schema, names: Sequence[str]) -> dict[str, object]:
    """The same as fields."""
    return {"tables": [_table_data(schema, schema.tables[name]) for name in names]}


def diff_text(found: SchemaDiff, one: str, two: str) -> str:
    """The differences as lines, or that there are none."""
    if not found:
        return f"no difference between {one} and {two}"
    return "\n".join(
        [f"from {one} to {two}: added (+), removed (-), changed (~)", *("  " + line for line in found.lines())]
    )


def diff_data(found: SchemaDiff, one: str, two: str) -> dict[str, object]:
    """The same as fields."""
    return {
        "from": one,
        "to": two,
        "differ": bool(found),
        "added": list(found.added),
        "removed": list(found.removed),
        "changed": list(found.changed),
    }


def _table_text(schema: Schema, found: Table) -> str:
    rows = [
        (c.name, c.type, "not null" if c.notnull else "", c.default, f"pk {c.pk}" if c.pk else "")
        for c in found.columns
    ]
    lines = [
        f"{found.name} ({found.kind})",
        *("  " + x for x in table(("column", "type", "null", "default", "key"), rows).splitlines()),
    ]
    lines += [
        f"  refers to {k.parent} by {', '.join(k.columns)}, on delete {k.on_delete.lower()}" for k in found.foreign_keys
    ]
    lines += [f"  referred to by {t} ({', '.join(columns)})" for t, columns in _incoming(schema, found)]
    for kind in ("index", "trigger"):
        names = [o.name for o in schema.of(found.name, kind)]
        if names:
            lines.append(f"  {'indexes' if kind == 'index' else 'triggers'}: {', '.join(names)}")
    return "\n".join(lines)


def _table_data(schema: Schema, found: Table) -> dict[str, object]:
    return {
        "name": found.name,
        "kind": found.kind,
        "columns": [
            {"name": c.name, "type": c.type, "notnull": c.notnull, "default": c.default, "pk": c.pk}
            for c in found.columns
        ],
        "foreign_keys": [
            {
                "columns": list(k.columns),
                "table": k.parent,
                "to": list(k.parent_columns),
                "on_update": k.on_update,
                "on_delete": k.on_delete,
            }
            for k in found.foreign_keys
        ],
        "referenced_by": [{"table": t, "columns": list(c)} for t, c in _incoming(schema, found)],
        "indexes": [o.name for o in schema.of(found.name, "index")],
        "triggers": [o.name for o in schema.of(found.name, "trigger")],
        "sql": found.sql,
    }


def _incoming(schema: Schema, found: Table) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (t.name, k.columns)
        for t in schema.tables.values()
        for k in t.foreign_keys
        if k.parent.lower() == found.name.lower()
    ]
