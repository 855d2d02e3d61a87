"""dbmate (https://github.com/amacneil/dbmate): both ways in one file."""

from memsql.exchange.model import FileHabits, Mark, Tool

TOOL = Tool(
    "dbmate",
    "dbmate",
    FileHabits(
        r"(?P<version>\d+)_?(?P<name>[^/]*)\.sql",
        order="path",
        marks=(
            Mark(r"--\s*migrate:up(?:\s+(?:(?P<option>transaction:false)|\S+))*\s*", "up"),
            Mark(r"--\s*migrate:down(?:\s+(?:(?P<option>transaction:false)|\S+))*\s*", "down"),
        ),
        in_one_block=True,
    ),
)
