"""Alembic (https://alembic.sqlalchemy.org): the scripts that ``alembic upgrade base:head --sql`` and ``alembic
downgrade head:base --sql`` print. Its own files are programs in Python."""

from memsql.exchange.model import FileHabits, Kind, Mark, Tool

TOOL = Tool(
    "alembic",
    "Alembic",
    FileHabits(
        r"[^/]*\.sql",
        order="script",
        marks=(
            Mark(r"-- Running upgrade\s+(?P<after>.*?)\s*->\s*(?P<key>[^\s,]+).*", "up"),
            Mark(r"-- Running downgrade\s+(?P<key>[^\s,]+)\s.*->.*", "down"),
        ),
        reported=(
            Kind(
                r"(?:[^/]*/)*[^/_.][^/]*\.py",
                "is a program: let Alembic print SQL, with `alembic upgrade base:head --sql > upgrade.sql`, and name"
                " that file",
            ),
        ),
        tables=("alembic_version",),
        signs=(r"(?:.*/)?env\.py", r"versions/[^/]*\.py"),
    ),
)
