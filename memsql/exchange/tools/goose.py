"""goose (https://github.com/pressly/goose): both ways in one file, or a program in Go."""

from memsql.exchange.model import FileHabits, Kind, Mark, Tool

TOOL = Tool(
    "goose",
    "goose",
    FileHabits(
        r"(?P<version>\d+)_(?P<name>[^/]*)\.sql",
        marks=(
            Mark(r"--\s*\+goose\s+up\s*", "up"),
            Mark(r"--\s*\+goose\s+down\s*", "down"),
            Mark(r"--\s*\+goose\s+statement\s*begin\s*", "layout"),
            Mark(r"--\s*\+goose\s+statement\s*end\s*", "breakpoint"),
            Mark(r"--\s*\+goose\s+no\s+transaction\s*", "no transaction"),
            Mark(r"--\s*\+goose\s+envsub\s+off\s*", "layout"),
            Mark(r"--\s*\+goose\s+envsub\s+on\s*", "refused", "memsql replaces no variables: write their values"),
            Mark(r"--\s*\+goose\b.*", "refused", "memsql does not know it"),
        ),
        refused=(Kind(r"\d+_[^/]*(?<!_test)\.go", "is a migration in Go, and memsql runs SQL alone"),),
        signs=(r"\d+_[^/]*(?<!_test)\.go",),
    ),
)
