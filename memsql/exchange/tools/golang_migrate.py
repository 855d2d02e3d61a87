"""golang-migrate (https://github.com/golang-migrate/migrate): a file for each way."""

from memsql.exchange.model import FileHabits, Tool

TOOL = Tool(
    "golang-migrate",
    "golang-migrate",
    FileHabits(
        r"(?P<version>\d+)_(?P<name>[^/]*)\.up\.sql",
        r"(?P<version>\d+)_(?P<name>[^/]*)\.down\.sql",
        signs=(r"[^/]*\.(?:up|down)\.sql",),
    ),
)
