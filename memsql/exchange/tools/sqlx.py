"""sqlx (https://github.com/launchbadge/sqlx): one file, or a file for each way."""

from memsql.exchange.model import FileHabits, Mark, Tool

TOOL = Tool(
    "sqlx",
    "sqlx",
    FileHabits(
        r"(?P<version>\d+)_(?P<name>[^/]*?)(?:\.up)?\.sql",
        r"(?P<version>\d+)_(?P<name>[^/]*)\.down\.sql",
        marks=(Mark(r"--\s*no-transaction\s*", "no transaction"),),
        sha384=True,
        signs=(r"[^/]*\.(?:up|down)\.sql",),
    ),
)
