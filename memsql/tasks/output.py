"""What tasks print, and how."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from memsql import visible
from memsql.errors import OutputLost
from memsql.report.text import colour


def write_json(data: dict[str, object]) -> None:
    """Print ``data`` as one JSON object on stdout."""
    write(sys.stdout, visible.json_text(data), plain=True)


def write(out: TextIO, text: str, *, plain: bool = False) -> None:
    """Print ``text`` and a line break on ``out``: escaped, and in colour on a terminal; as it is where ``plain``, which
    is for programs. Raises OutputLost where that cannot be written on stdout; what stderr does not take is left out."""
    text = text if plain else visible.text(text)
    # A file name that is not UTF-8, or a terminal that does not show UTF-8, must not stop an answer half-way.
    encoding = out.encoding or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(text if plain or not out.isatty() else colour(text), file=out, flush=True)
    except BrokenPipeError:
        silence(out)
    except OSError as e:
        silence(out)
        if out is sys.stdout:
            raise OutputLost(f"cannot write to standard output: {e.strerror}") from e


def terminal_width() -> int | None:
    """Return how many characters a line of the terminal on stdout holds; None where stdout is no terminal."""
    if not sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    # Not by shutil, whose import takes longer.
    return int(columns) if columns.isdecimal() and int(columns) else os.get_terminal_size(sys.stdout.fileno()).columns


def silence(out: TextIO) -> None:
    """Throw away what is still to be written to ``out``, whose reader (head, less) has ended; the exit code stays."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
