"""Wrangler's D1 migrations (https://developers.cloudflare.com/d1): ways up alone."""

from memsql.exchange.model import FileHabits, Tool

TOOL = Tool(
    "d1",
    "wrangler",
    FileHabits(r"(?P<pair>(?P<version>\d*)_?(?P<name>[^/]*))\.sql"),
)
