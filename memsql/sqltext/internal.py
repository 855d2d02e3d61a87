"""Which tables are no part of the schema that migrations own: those of SQLite, libSQL, yoyo and memsql, the ledgers of
other migration tools, and the shadow tables of virtual tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

from memsql.sqltext.names import fold
from memsql.sqltext.tokens import tokenize

LEDGER = frozenset({"_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "schema_migrations"})
RECORDS = LEDGER | {"memsql_history"}
"""The tables, folded, that say what was applied."""
BOOKKEEPING = RECORDS | {"memsql_legacy_objects", "memsql_fts_rebuild"}
"""The tables, folded, that yoyo and memsql keep for themselves."""
VECTOR_INDEX = "libsql_vector_idx"
KEPT = "memsql_before_"
"""How the names begin of tables in which a migration on a server keeps rows while it is proven. Nobody else may use
them."""
COUNTER = f"{KEPT}counter"
"""A table on a server by which the counters of SQLite are set."""
OTHER_LEDGERS = frozenset(
    {
        "d1_migrations",
        "goose_db_version",
        "__drizzle_migrations",
        "_prisma_migrations",
        "alembic_version",
        "knex_migrations",
        "knex_migrations_lock",
        "gorp_migrations",
        "flyway_schema_history",
        "__diesel_schema_migrations",
        "_sqlx_migrations",
        "ar_internal_metadata",
    }
)
"""The tables, folded, in which other migration tools keep what they applied."""
FORMER_LEDGER = "schema_migrations_of_"
"""How the names begin of tables of other tools that had the name of our ledger."""
_NOBODYS = ("sqlite_", "memsql_fts_")
LIBSQL = frozenset({"libsql_wasm_func_table", "libsql_vector_meta_shadow"})
"""The tables, folded, that libSQL writes while it runs the statements of somebody else."""
LITESTREAM = frozenset({"_litestream_seq", "_litestream_lock"})
"""The tables, folded, that Litestream writes on a connection of its own, and so never inside a migration."""
ENGINES = LIBSQL | LITESTREAM
_PREFIXES = ("sqlite_", "memsql_", FORMER_LEDGER)
_RTREE = frozenset({"node", "parent", "rowid"})
_FTS4 = frozenset({"content", "segments", "segdir", "docsize", "stat"})
# The xShadowName function of each module in SQLite's sources; libSQL names those of a vector index.
_SHADOWS = {
    "fts5": frozenset({"data", "idx", "content", "docsize", "config"}),
    "fts4": _FTS4,
    "fts3": _FTS4,
    "rtree": _RTREE,
    "rtree_i32": _RTREE,
    "geopoly": _RTREE,
    VECTOR_INDEX: frozenset({"shadow"}),
}
_ANY = frozenset().union(*_SHADOWS.values())
SHADOW_SUFFIXES = _ANY - _SHADOWS[VECTOR_INDEX]
"""How the names of shadow tables end, behind the name of the virtual table and ``_``."""


def is_internal(name: str, virtual_tables: Iterable[str] | Mapping[str, str]) -> bool:
    """Whether the table ``name`` is no part of the schema that migrations own.

    ``virtual_tables`` are names in lower case. A mapping gives the module of each; then a table counts as a shadow
    table only if that module makes one of this name. An unknown module ("") may make any.
    """
    folded = fold(name)
    if folded in LEDGER or folded in ENGINES or folded in OTHER_LEDGERS or folded.startswith(_PREFIXES):
        return True
    owner, _, suffix = folded.rpartition("_")
    if suffix not in _ANY or owner not in virtual_tables:
        return False
    module = virtual_tables[owner] if isinstance(virtual_tables, Mapping) else ""
    return suffix in shadow_suffixes(module)


def is_nobodys_data(name: str) -> bool:
    """Whether the rows of the table ``name`` are those of SQLite, libSQL, yoyo or memsql, by its name alone: no proof
    looks at them, so no migration may write the table. One that only looks like one of memsql holds somebody's rows."""
    folded = fold(name)
    return folded in BOOKKEEPING or folded in LIBSQL or folded.startswith(_NOBODYS)


def owner_of(name: str) -> str | None:
    """Who makes and reads the table ``name`` for itself, by its name alone; None where no program does that is known.
    No migration may make a table of this name: it would be taken for that of the program."""
    folded = fold(name)
    if folded in LITESTREAM:
        return "Litestream"
    if folded in LIBSQL:
        return "libSQL"
    return "memsql" if folded in BOOKKEEPING or folded.startswith(("memsql_fts_", KEPT)) else None


def is_virtual(sql: object) -> bool:
    """Whether ``sql``, as sqlite_schema has it, makes a virtual table: SQLite writes these words anew."""
    return str(sql)[:14].lower() == "create virtual"


# A run asks of the same texts for each of its migrations.
@lru_cache(4096)
def module_of(sql: str) -> str:
    """The module, in lower case, of a CREATE VIRTUAL TABLE as SQLite stores it; "" where it names none."""
    return next((module.name for using, module in pairwise(tokenize(sql)) if using.word == "USING"), "")


def shadow_suffixes(module: str) -> frozenset[str]:
    """The suffixes of the shadow tables that ``module`` makes: they are named like the virtual table, with ``_`` and a
    suffix behind. An unknown module may make any."""
    return _SHADOWS.get(module, _ANY)


@lru_cache(4096)
def shadows_of(name: str, sql: str) -> frozenset[str]:
    """The shadow tables, folded, that the virtual table ``name`` makes for itself by ``sql``, its CREATE statement.
    None for an unknown module."""
    suffixes = _SHADOWS.get(module_of(sql), frozenset())
    return frozenset(f"{fold(name)}_{suffix}" for suffix in suffixes) - not_shadows(name, sql)


def not_shadows(name: str, sql: str) -> frozenset[str]:
    """Tables, folded, that SQLite takes for shadows of the virtual table ``name`` by their names, and that it does not
    make: a full-text index over another table or over nothing has no ``_content``, so that a table of this name is its
    author's own, often the one that is indexed."""
    if not module_of(sql).startswith("fts"):
        return frozenset()
    options, suffixes = _options(sql), set()
    if "content" in options and options.get("contentless_unindexed", "0") == "0":
        suffixes.add("content")
    if not has_sizes(sql):
        suffixes.add("docsize")
    return frozenset(f"{fold(name)}_{suffix}" for suffix in suffixes)


def is_contentless(sql: str) -> bool:
    """Whether the CREATE statement ``sql`` makes an FTS5 table that keeps no text."""
    return module_of(sql) == "fts5" and _options(sql).get("content") in ("''", '""')


def has_sizes(sql: str) -> bool:
    """Whether the full-text index that ``sql`` makes keeps the sizes of its rows, without which one that keeps no text
    cannot be read."""
    return _options(sql).get("columnsize") != "0"


def _options(sql: str) -> dict[str, str]:
    """The arguments ``key = value`` of a virtual table, keys and values folded."""
    tokens = tokenize(sql)
    return {
        key.name: value.name or value.text
        for before, key, sign, value in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False)
        if before.text in ("(", ",") and sign.text == "="
    }
