"""sql-migrate (https://github.com/rubenv/sql-migrate): both ways in one file, named as anybody likes."""

from memsql.exchange.model import FileHabits, Mark, Tool

TOOL = Tool(
    "sql-migrate",
    "sql-migrate",
    FileHabits(
        r"(?P<pair>(?P<version>\d*)[_-]?(?P<name>[^/]*))\.sql",
        marks=(
            Mark(r"--\s*\+migrate\s+up(?:\s+(?:(?P<option>notransaction)|\S+))*\s*", "up"),
            Mark(r"--\s*\+migrate\s+down(?:\s+(?:(?P<option>notransaction)|\S+))*\s*", "down"),
            Mark(r"--\s*\+migrate\s+statementbegin\s*", "layout"),
            Mark(r"--\s*\+migrate\s+statementend\s*", "breakpoint"),
            Mark(r"--\s*\+migrate\b.*", "refused", "memsql does not know it"),
        ),
    ),
)
