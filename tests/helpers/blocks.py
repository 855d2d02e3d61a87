"""The blocks of code of a page, which tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|--) ([\w/]+\.\w+)\b")


@dataclass(frozen=True)
class Block:
    """``language`` and ``text`` of a block; ``line`` is that of its first line on the page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that it is to be, as its first line says; None where it says none."""
        match = _FILE.match(self.text)
        return match[1] if match else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of ``page`` that name a language."""
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1) for m in _BLOCK.finditer(text)]


def write_files(page: Path, folder: Path) -> None:
    """Write the blocks of ``page`` that are files into ``folder``."""
    for block in blocks(page):
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
