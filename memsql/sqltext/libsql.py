"""What libSQL understands and SQLite does not (https://docs.turso.tech/libsql)."""

from __future__ import annotations

from memsql.sqltext.tokens import tokenize

FUNCTIONS = frozenset(
    {
        "LIBSQL_VECTOR_IDX",
        "VECTOR_TOP_K",
        "VECTOR",
        "VECTOR1BIT",
        "VECTOR8",
        "VECTOR16",
        "VECTORB16",
        "VECTOR32",
        "VECTOR64",
        "VECTOR_EXTRACT",
        "VECTOR_DISTANCE_COS",
        "VECTOR_DISTANCE_L2",
    }
)
"""The functions that only libSQL has, in upper case."""


def only_libsql(text: str) -> str:
    """What in one statement only libSQL knows, such as ``vector32()``; empty where SQLite may know everything."""
    tokens = tokenize(text)
    words = [token.word for token in tokens]
    for place, word in enumerate(words):
        following = words[place + 1 : place + 4]
        if word in FUNCTIONS and following[:1] == ["("]:
            return f"{tokens[place].text}()"
        if word == "RANDOM" and following[:1] == ["ROWID"]:
            return "RANDOM ROWID"
        if word == "ALTER" and following[:1] == ["COLUMN"] and words[place + 3 : place + 4] == ["TO"]:
            return "ALTER COLUMN … TO"
    return ""
