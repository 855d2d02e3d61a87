"""Values of columns as SQL."""

from __future__ import annotations

from memsql.schema import Column
from memsql.sqltext.names import fold, quote_string, unquote
from memsql.sqltext.tokens import tokenize

# Words that are a value and no name.
_VALUES = frozenset({"null", "true", "false", "current_time", "current_date", "current_timestamp"})


def default_of(column: Column) -> str | None:
    """The default of ``column`` as an expression; None where there is none, or NULL."""
    if column.default is None or fold(column.default) == "null":
        return None
    tokens = tokenize(column.default)
    if len(tokens) != 1:
        return f"({column.default})"
    kind, text, _ = tokens[0]
    if kind == "quoted" or (kind == "word" and fold(text) not in _VALUES):
        # SQLite takes a name for a string here (https://sqlite.org/quirks.html).
        return quote_string(unquote(text))
    return text
