"""Migrations, and what people do to their files."""

from __future__ import annotations

from collections.abc import Callable

from cli import Project

USERS = (
    "-- People\nCREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
    "INSERT INTO users VALUES (1, 'a'), (2, 'b');\n"
)
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"
TAGS = "CREATE TABLE tags (name TEXT PRIMARY KEY);\n"


def edit(name: str) -> Callable[[Project], object]:
    def change(p: Project) -> None:
        p.up_file(name).write_text(p.up_file(name).read_text() + "INSERT INTO users VALUES (3, 'c');\n")

    return change


def write(name: str, text: str | bytes) -> Callable[[Project], object]:
    return lambda p: p.add(name, text)


def write_plain(file: str, text: str = "SELECT 1;\n") -> Callable[[Project], object]:
    def change(p: Project) -> None:
        (p.migrations / file).write_text(text)

    return change


def statements(number: int, bad: int, text: str, pad: str = "") -> tuple[str, int]:
    """``number`` statements, the one numbered ``bad`` replaced by ``text``; and the line that one is on."""
    lines = ["-- Many", "CREATE TABLE many (id INTEGER PRIMARY KEY, note TEXT);"]
    place = 0
    for n in range(2, number + 1):
        if n == bad:
            place = len(lines) + 2
            lines += ["-- the culprit", text]
        else:
            lines.append(f"INSERT INTO many\nVALUES ({n}, 'it''s; {n}{pad}');")
            lines[-1:] = lines[-1].split("\n")
    return "\n".join(lines) + "\n", place
