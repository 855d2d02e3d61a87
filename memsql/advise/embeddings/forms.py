"""The forms in which a database can keep embeddings, and the ways to search each.

Each form has the tables that it needs, the statements that insert a row, whose parameters are a number and the
embedding as text or as blob, and the searches that it allows. A search has the query as its first parameter and how
many rows to return as its second; one that Python does reads all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memsql.db.queries import load

Engine = Literal["sqlite", "sqlite-vec", "libsql"]
"""Python's own SQLite; sqlite-vec in the SQLite of apsw; a libSQL server."""
Kind = Literal["text", "blob"]

_ROWS = "CREATE TABLE vectors (id INTEGER PRIMARY KEY, embedding {})"
_INSERT = "INSERT INTO vectors (id, embedding) VALUES (?1, ?2)"
_READ = "SELECT id, embedding FROM vectors"
_FLAT = "SELECT id FROM vectors WHERE embedding MATCH ?1 AND k = ?2 ORDER BY distance"
_LIBSQL_INDEX = "CREATE INDEX nearest ON vectors (libsql_vector_idx(embedding{}))"
_LIBSQL_TOP = (
    "SELECT vectors.id FROM vector_top_k('nearest', ?1, ?2) AS top JOIN vectors ON vectors.id = top.id"
    " ORDER BY vector_distance_cos(vectors.embedding, ?1)"
)
OVERSAMPLING = 8
"""So many times the rows that are wanted are taken from the table of bits, and their distances computed exactly."""


@dataclass(frozen=True, slots=True)
class Search:
    """A way to search: with ``python`` the answer to ``sql`` are all rows. Without ``exact``, it may miss a row that is
    nearer than what it returns. ``query`` is how the query is handed over."""

    title: str
    engine: Engine
    sql: str
    query: Kind = "blob"
    python: bool = False
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A way to keep embeddings. ``{}`` in ``schema`` is the number of dimensions."""

    name: str
    title: str
    engine: Engine
    value: Kind
    schema: tuple[str, ...]
    inserts: tuple[str, ...]
    searches: tuple[Search, ...]

    @property
    def is_exact(self) -> bool:
        """Whether no search of it can miss a row."""
        return all(search.exact for search in self.searches)

    def tables(self, dimensions: int) -> list[str]:
        """The statements that make the tables."""
        return [statement.replace("{}", str(dimensions)) for statement in self.schema]


def _by_function(function: str, argument: str = "embedding", query: str = "?1") -> str:
    return f"SELECT id FROM vectors ORDER BY {function}({argument}, {query}) LIMIT ?2"


_PYTHON_BLOB = Search("read by Python", "sqlite", _READ, python=True)
_LIBSQL_EXACT = Search("vector_distance_cos", "libsql", _by_function("vector_distance_cos"))
_LIBSQL_BESIDE = Search(
    "vector_distance_cos of the blobs",
    "libsql",
    _by_function("vector_distance_cos").replace("vectors", "vectors_float32"),
)

FORMS = (
    Form(
        "json",
        "JSON text",
        "sqlite",
        "text",
        (_ROWS.format("TEXT"),),
        (_INSERT,),
        (
            Search("read by Python", "sqlite", _READ, python=True),
            Search("SQL with json_each", "sqlite", load("advise/nearest_json"), query="text"),
            Search("vec_distance_cosine", "sqlite-vec", _by_function("vec_distance_cosine"), query="text"),
        ),
    ),
    Form(
        "blob",
        "float32 blob",
        "sqlite",
        "blob",
        (_ROWS.format("BLOB"),),
        (_INSERT,),
        (_PYTHON_BLOB, Search("vec_distance_cosine", "sqlite-vec", _by_function("vec_distance_cosine"))),
    ),
    Form(
        "both",
        "JSON text, and a float32 blob in another table that triggers in SQL keep",
        "sqlite",
        "text",
        (load("advise/float32_triggers"),),
        (_INSERT,),
        (Search("blobs read by Python", "sqlite", "SELECT id, embedding FROM vectors_float32", python=True),),
    ),
    Form(
        "vec0",
        "vec0 table of sqlite-vec",
        "sqlite-vec",
        "blob",
        (
            "CREATE VIRTUAL TABLE vectors"
            " USING vec0(id INTEGER PRIMARY KEY, embedding float[{}] distance_metric=cosine)",
        ),
        (_INSERT,),
        (Search("flat", "sqlite-vec", _FLAT),),
    ),
    Form(
        "vec0-bits",
        "float32 blob, and a vec0 table of one bit for each number",
        "sqlite-vec",
        "blob",
        (
            _ROWS.format("BLOB"),
            "CREATE VIRTUAL TABLE bits USING vec0(id INTEGER PRIMARY KEY, embedding bit[{}])",
        ),
        (_INSERT, "INSERT INTO bits (id, embedding) VALUES (?1, vec_quantize_binary(?2))"),
        (
            Search(
                f"bits, {OVERSAMPLING} times as many rescored",
                "sqlite-vec",
                "SELECT vectors.id FROM (SELECT id FROM bits WHERE embedding MATCH vec_quantize_binary(?1)"
                f" AND k = ?2 * {OVERSAMPLING}) AS near CROSS JOIN vectors ON vectors.id = near.id"
                " ORDER BY vec_distance_cosine(vectors.embedding, ?1) LIMIT ?2",
                exact=False,
            ),
        ),
    ),
    Form(
        "libsql-json",
        "JSON text on libSQL",
        "libsql",
        "text",
        (_ROWS.format("TEXT"),),
        (_INSERT,),
        (
            Search(
                "vector_distance_cos of vector32",
                "libsql",
                _by_function("vector_distance_cos", "vector32(embedding)"),
            ),
        ),
    ),
    Form(
        "libsql-blob",
        "F32_BLOB on libSQL",
        "libsql",
        "blob",
        (_ROWS.format("F32_BLOB({})"),),
        (_INSERT,),
        (_LIBSQL_EXACT,),
    ),
    Form(
        "libsql-both",
        "the same as both, on libSQL",
        "libsql",
        "text",
        (load("advise/float32_triggers"),),
        (_INSERT,),
        (_LIBSQL_BESIDE,),
    ),
    Form(
        "libsql-vector32",
        "JSON text, and an F32_BLOB in another table that a trigger with vector32 keeps",
        "libsql",
        "text",
        (
            _ROWS.format("TEXT"),
            "CREATE TABLE vectors_float32 (id INTEGER PRIMARY KEY, embedding F32_BLOB({}))",
            "CREATE TRIGGER vectors_insert AFTER INSERT ON vectors BEGIN"
            " INSERT INTO vectors_float32 (id, embedding) VALUES (new.id, vector32(new.embedding)); END",
        ),
        (_INSERT,),
        (_LIBSQL_BESIDE,),
    ),
    Form(
        "libsql-index",
        "F32_BLOB with an index of libSQL (DiskANN) and its default settings",
        "libsql",
        "blob",
        (_ROWS.format("F32_BLOB({})"), _LIBSQL_INDEX.format("")),
        (_INSERT,),
        (Search("vector_top_k", "libsql", _LIBSQL_TOP, exact=False),),
    ),
    Form(
        "libsql-index-small",
        "the same index with one bit for each number of a neighbour and at most 50 neighbours",
        "libsql",
        "blob",
        (_ROWS.format("F32_BLOB({})"), _LIBSQL_INDEX.format(", 'compress_neighbors=float1bit', 'max_neighbors=50'")),
        (_INSERT,),
        (Search("vector_top_k", "libsql", _LIBSQL_TOP, exact=False),),
    ),
)
