"""Prisma (https://www.prisma.io): a folder for each migration."""

from memsql.exchange.model import FileHabits, Tool

TOOL = Tool(
    "prisma",
    "Prisma",
    FileHabits(
        r"(?P<pair>(?P<version>\d*)_?(?P<name>[^/]*))/migration\.sql",
        r"(?P<pair>[^/]*)/down\.sql",
        order="path",
        dialect=("migration_lock.toml", r'provider\s*=\s*"(\w+)"'),
        signs=(r"[^/]*/migration\.sql", r"migration_lock\.toml"),
    ),
)
