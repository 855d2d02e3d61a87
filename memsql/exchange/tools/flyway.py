"""Flyway (https://github.com/flyway/flyway): V files, U files that undo them, R files that run again, callbacks."""

from memsql.exchange.model import FileHabits, Kind, Tool

_VERSION = r"(?P<version>\d+(?:[._]\d+)*)__(?P<name>[^/]*)"

TOOL = Tool(
    "flyway",
    "Flyway",
    FileHabits(
        rf"(?:.*/)?V{_VERSION}\.sql",
        rf"(?:.*/)?U{_VERSION}\.sql",
        respelled=("_", "."),
        settings=(rf"(?:.*/)?V{_VERSION}\.sql\.conf", r"executeInTransaction\s*=\s*false"),
        placeholders=r"\$\{[^}]*\}",
        refused=(
            Kind(
                r"(?:.*/)?[VUR][\d._]*__[^/]*\.(?:java|kt|groovy|class|py|ps1|sh|bat)",
                "is a migration that is no SQL",
            ),
        ),
        reported=(
            Kind(
                r"(?:.*/)?R__[^/]*\.sql",
                "is a repeatable migration, and memsql runs each file once: write what it makes as the next migration",
            ),
            Kind(
                r"(?:.*/)?B[\d._]+__[^/]*\.sql",
                "is a baseline for new databases: the migrations that it stands for are taken over themselves",
            ),
            Kind(
                r"(?:.*/)?(?:before|after|create)[A-Z][A-Za-z]*(?:__[^/]*)?\.sql",
                "is a callback, and memsql has none: a check in sql/checks may take its place",
            ),
        ),
        signs=(r"(?:.*/)?[VU]\d+(?:[._]\d+)*__[^/]*\.sql", r"(?:.*/)?R__[^/]*\.sql"),
    ),
)
