"""drizzle-kit (https://orm.drizzle.team): ways up alone, in the order of a journal."""

from memsql.exchange.model import FileHabits, Mark, Tool

TOOL = Tool(
    "drizzle",
    "drizzle-kit",
    FileHabits(
        r"(?P<pair>(?P<version>\d*)_?(?P<name>[^/]*))\.sql",
        order="journal",
        journal="meta/_journal.json",
        marks=(Mark(r"--> statement-breakpoint\s*", "breakpoint"),),
        dialect=("meta/_journal.json", r'"dialect"\s*:\s*"(\w+)"'),
        signs=(r"meta/_journal\.json",),
    ),
)
