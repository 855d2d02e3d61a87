"""What schema.* says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.legacy.kept import Kept
from memsql.operate.stats import Stats
from memsql.report import text
from memsql.schema import Schema, SchemaDiff, Table
from memsql.visible import page
from memsql.words import count, size


def stats_text(stats: Stats, target: str) -> str:
    """The totals of the database ``target``, then a line for each table and index, the heaviest table first."""
    by_table: dict[str, int] = {}
    for s in stats.sizes:
        by_table[s.table] = by_table.get(s.table, 0) + (s.bytes or 0)
    ordered = sorted(stats.sizes, key=lambda s: (-by_table[s.table], s.table, s.type == "index", s.name))
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
                count(stats.tables, "table"),
                count(stats.indexes, "index", "indexes"),
                count(stats.triggers, "trigger"),
                count(stats.views, "view"),
                count(stats.rows, "row"),
            )
        ),
        f"{size(stats.file_bytes)} in {count(stats.page_count, 'page')} of {stats.page_size:,} bytes, "
        f"{stats.free_pages:,} free; journal mode {stats.journal_mode}, {stats.encoding}, "
        f"SQLite {stats.sqlite_version}",
    ]
    if rows:
        lines += ["", *text.table(("name", "type", "rows", "pages", "size"), rows, frozenset({2, 3, 4}))]
    return page(lines)


def stats_data(stats: Stats) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "tables": stats.tables,
        "indexes": stats.indexes,
        "triggers": stats.triggers,
        "views": stats.views,
        "rows": stats.rows,
        "page_size": stats.page_size,
        "page_count": stats.page_count,
        "free_pages": stats.free_pages,
        "bytes": stats.file_bytes,
        "journal_mode": stats.journal_mode,
        "encoding": stats.encoding,
        "sqlite_version": stats.sqlite_version,
        "objects": [
            {"name": s.name, "type": s.type, "table": s.table, "rows": s.rows, "pages": s.pages, "bytes": s.bytes}
            for s in stats.sizes
        ],
    }


def info_text(schema: Schema, names: Sequence[str]) -> str:
    """A paragraph for each table in ``names``."""
    return "\n\n".join(_table_text(schema, schema.tables[name]) for name in names) or "there are no tables"


def info_data(schema: Schema, names: Sequence[str]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {"tables": [_table_data(schema, schema.tables[name]) for name in names]}


def diff_text(diff: SchemaDiff, one: str, two: str, *, kept: Kept | None = None) -> str:
    """The differences between the schemas called ``one`` and ``two``, a line for each, and which of them an adoption
    ``kept``."""
    if not diff:
        return f"no difference between {one} and {two}"
    lines = [f"from {one} to {two}: added (+), removed (-), changed (~)", *text.indented(diff.lines())]
    if kept is not None and kept.is_all:
        lines.append("all of it was kept by the adoption of this database, so nothing changed since")
    elif kept is not None and kept.differences:
        lines.append(f"of that the adoption of this database kept: {', '.join(kept.differences)}")
    return page(lines)


def diff_data(diff: SchemaDiff, one: str, two: str, *, kept: Kept | None = None) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "from": one,
        "to": two,
        "differ": bool(diff),
        "added": list(diff.added),
        "removed": list(diff.removed),
        "changed": list(diff.changed),
        "respelled": list(diff.respelled),
        "kept": list(kept.differences) if kept else [],
    }


def _table_text(schema: Schema, table: Table) -> str:
    rows = [
        (c.name, c.type, "not null" if c.notnull else "", c.default, f"pk {c.pk}" if c.pk else "")
        for c in table.columns
    ]
    lines = [
        f"{table.name} ({table.kind})",
        *text.indented(text.table(("column", "type", "null", "default", "key"), rows)),
    ]
    lines += [
        f"  refers to {key.parent} by {', '.join(key.columns)}, on delete {key.on_delete.lower()}"
        for key in table.foreign_keys
    ]
    lines += [f"  referred to by {t} ({', '.join(columns)})" for t, columns in _incoming(schema, table)]
    for kind in ("index", "trigger"):
        names = [o.name for o in schema.of(table.name, kind)]
        if names:
            lines.append(f"  {'indexes' if kind == 'index' else 'triggers'}: {', '.join(names)}")
    return page(lines)


def _table_data(schema: Schema, table: Table) -> dict[str, object]:
    return {
        "name": table.name,
        "kind": table.kind,
        "columns": [
            {"name": c.name, "type": c.type, "notnull": c.notnull, "default": c.default, "pk": c.pk}
            for c in table.columns
        ],
        "foreign_keys": [
            {
                "columns": list(k.columns),
                "table": k.parent,
                "to": list(k.parent_columns),
                "on_update": k.on_update,
                "on_delete": k.on_delete,
            }
            for k in table.foreign_keys
        ],
        "referenced_by": [{"table": t, "columns": list(c)} for t, c in _incoming(schema, table)],
        "indexes": [o.name for o in schema.of(table.name, "index")],
        "triggers": [o.name for o in schema.of(table.name, "trigger")],
        "sql": table.sql,
    }


def _incoming(schema: Schema, table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """The tables whose foreign keys refer to ``table``, with the columns of each key."""
    return [
        (child.name, key.columns)
        for child in schema.tables.values()
        for key in child.foreign_keys
        if key.parent.lower() == table.name.lower()
    ]
